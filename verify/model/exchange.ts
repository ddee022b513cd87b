import type { Exchange } from "./report.ts";

/** A recorded body is cut after this many characters. */
export const RECORDED_BODY_LENGTH = 4_000;

const REDACTED = "<redacted>";
const SECRET_HEADERS = new Set(["x-functions-key", "x-identity-header", "cookie", "set-cookie", "proxy-authorization"]);
const SECRET_PARAMETERS = new Set(["access_token", "code", "client_secret", "client_assertion", "sig"]);
const SECRET_MEMBERS = /("(?:access_token|id_token|refresh_token|client_secret|client_assertion)"\s*:\s*)"[^"]*"?/g;
const SECRET_FIELDS = /((?:^|&)(?:client_secret|client_assertion|assertion)=)[^&]*/g;
/** What looks like a JWS or a JWE, wherever it stands: base64url of `{"` is `eyJ`. */
const TOKENS = /eyJ[\w-]*(?:\.[\w-]*){1,4}/g;

/**
 * Makes one call, follows no redirect, and records what went over the wire: no token, secret or key is in the record.
 *
 * @returns the answer as it came, and the record
 * @throws what `fetch` throws where no answer comes
 */
export async function exchange(
  url: string,
  init: { method: string; headers?: Record<string, string>; body?: string; signal?: AbortSignal },
): Promise<{ status: number; headers: Record<string, string>; body: string; recorded: Exchange }> {
  const response = await fetch(url, { ...init, redirect: "manual" });
  const headers = Object.fromEntries(response.headers);
  const body = await response.text();
  const sent = init.headers ?? {};
  const authorization = Object.entries(sent).find(([name]) => name.toLowerCase() === "authorization")?.[1];
  const secrets = secretsOf(sent);
  const recorded: Exchange = {
    request: {
      method: init.method,
      url: withoutKeys(url),
      headers: redactedHeaders(sent, secrets),
      token: authorization === undefined ? null : readToken(authorization),
      body: init.body === undefined ? null : redactedBody(init.body, secrets),
    },
    response: {
      status: response.status,
      headers: redactedHeaders(headers, secrets),
      body: redactedBody(body, secrets),
    },
  };
  return { status: response.status, headers, body, recorded };
}

/** The record of an answer that may hold keys which nobody has sent: that it has a body is enough. */
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

/** A scheme is shown only where it is a known one: a lone word may be the secret itself. */
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

/** Takes out what was sent as a secret, also where an answer says it back. */
function redactedText(text: string, secrets: readonly string[]): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, REDACTED), text).replace(TOKENS, REDACTED);
}

/** Short words are no secrets, and would be taken out of the middle of others. */
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

/** The decoded header and claims, the signature left out; null where they cannot be read. */
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
