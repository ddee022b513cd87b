/** Makes one HTTP call, and records it without tokens, secrets and keys. */
import type { Exchange } from "./report.ts";
import { traceParentOfProof } from "./trace.ts";

/** A recorded body is cut after this many characters. */
export const RECORDED_BODY_LENGTH = 4_000;

const REDACTED = "<redacted>";
const SECRET_HEADERS = new Set(["x-functions-key", "x-identity-header", "cookie", "set-cookie", "proxy-authorization"]);
const SECRET_PARAMETERS = new Set(["access_token", "code", "client_secret", "client_assertion", "sig"]);
const SECRET_MEMBERS = /("(?:access_token|id_token|refresh_token|client_secret|client_assertion)"\s*:\s*)"[^"]*"?/g;
const SECRET_FIELDS = /((?:^|&)(?:client_secret|client_assertion|assertion)=)[^&]*/g;
/** Anything that looks like a JWS or JWE: `{"` is `eyJ` in base64url. */
const TOKENS = /eyJ[\w-]*(?:\.[\w-]*){1,4}/g;

/** A call without a response in this time fails. */
const TIMEOUT_MS = 20_000;

export interface Request {
  readonly method: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object is sent as JSON. */
  readonly body?: object | string | undefined;
  readonly timeoutMs?: number;
}

/** Header names are in lower case. */
export interface Response {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Makes one call, with a trace id of the proof. It follows no redirect.
 *
 * @returns the response as received, and the record
 * @throws what `fetch` throws without a response
 */
export async function exchange(url: string, request: Request): Promise<Response & { readonly recorded: Exchange }> {
  const { method, timeoutMs = TIMEOUT_MS } = request;
  const isJson = typeof request.body === "object";
  const sent = {
    traceparent: traceParentOfProof(),
    ...request.headers,
    ...(isJson && { "content-type": "application/json" }),
  };
  const text = isJson ? JSON.stringify(request.body) : request.body;
  const response = await fetch(url, {
    method,
    headers: sent,
    ...(text !== undefined && { body: text }),
    redirect: "manual",
    signal: AbortSignal.timeout(timeoutMs),
  });
  const headers = Object.fromEntries(response.headers);
  const body = await response.text();
  const authorization = Object.entries(sent).find(([name]) => name.toLowerCase() === "authorization")?.[1];
  const secrets = secretsOf(sent);
  const recorded: Exchange = {
    request: {
      method,
      url: withoutKeys(url),
      headers: redactedHeaders(sent, secrets),
      token: authorization === undefined ? null : readToken(authorization),
      body: text === undefined ? null : redactedBody(text, secrets),
    },
    response: {
      status: response.status,
      headers: redactedHeaders(headers, secrets),
      body: redactedBody(body, secrets),
    },
  };
  return { status: response.status, headers, body, recorded };
}

/** For a response that may hold keys which nobody sent: records only that it has a body. */
export function withoutBody(recorded: Exchange): Exchange {
  const { response } = recorded;
  if (response === null || response.body === "") return recorded;
  return { ...recorded, response: { ...response, body: "<not recorded: it may hold keys>" } };
}

function redactedHeaders(headers: Record<string, string>, secrets: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      const lowerCase = name.toLowerCase();
      if (lowerCase === "authorization") return [name, schemeOnly(value)];
      if (lowerCase === "location") return [name, withoutKeys(redactedText(value, secrets))];
      return [name, SECRET_HEADERS.has(lowerCase) ? REDACTED : redactedText(value, secrets)];
    }),
  );
}

/** Shows only known schemes: a single word may be the secret itself. */
function schemeOnly(authorization: string): string {
  const scheme = /^(Bearer|Basic)(?=\s|$)/i.exec(authorization)?.[0];
  if (scheme === undefined) return REDACTED;
  return authorization.trim() === scheme ? scheme : `${scheme} ${REDACTED}`;
}

function redactedBody(body: string, secrets: readonly string[]): string {
  const redacted = redactedText(
    body.replace(SECRET_MEMBERS, `$1"${REDACTED}"`).replace(SECRET_FIELDS, `$1${REDACTED}`),
    secrets,
  );
  if (redacted.length <= RECORDED_BODY_LENGTH) return redacted;
  return `${redacted.slice(0, RECORDED_BODY_LENGTH)} ... (cut, ${redacted.length} characters)`;
}

/** Removes the sent secrets, also where a response repeats them. */
function redactedText(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text).replace(TOKENS, REDACTED);
}

/** Short words are no secrets: removing them would damage other words. */
function secretsOf(headers: Record<string, string>): string[] {
  return Object.entries(headers)
    .filter(([name]) => name.toLowerCase() === "authorization" || SECRET_HEADERS.has(name.toLowerCase()))
    .flatMap(([, value]) => value.split(/[\s,]+/))
    .filter((word) => word.length >= 16);
}

function withoutKeys(url: string): string {
  return url.replace(/([?&])([^=&#]+)=([^&#]*)/g, (all, mark: string, name: string) =>
    SECRET_PARAMETERS.has(name.toLowerCase()) ? `${mark}${name}=${REDACTED}` : all,
  );
}

/** The decoded header and claims, without the signature; null for an unreadable token. */
function readToken(authorization: string): Exchange["request"]["token"] {
  const [header, claims] = (/^\S+\s+(\S+)$/.exec(authorization)?.[1] ?? "").split(".");
  if (header === undefined || claims === undefined) return null;
  try {
    return { header: decode(header), claims: decode(claims) };
  } catch {
    return null;
  }
}

function decode(part: string): unknown {
  return JSON.parse(Buffer.from(part, "base64url").toString()) as unknown;
}
