// Calls another service with an access token.
import type { Axios, AxiosResponse } from "axios";
import { BrokenCircuitError, BulkheadRejectedError, TaskCancelledError } from "cockatiel";
import * as v from "valibot";
import { inTime } from "../in-time.ts";
import { checkOptions, isFunction } from "../options.ts";
import { origin } from "../settings.ts";
import { explainRefusal, explainTokenFailure, SAME_TOKEN } from "./explain.ts";
import type { RefusedBy, ServiceOutcome } from "./outcome.ts";
import { defaultLimits, limitsSchema, type ServiceLimits } from "./limits.ts";
import { isCode, problemCode } from "./problem-code.ts";
import { requirePath } from "./request-path.ts";
import { requireHeaders } from "./request-headers.ts";
import { createResilience, within } from "./resilience.ts";
import { readRetryAfter } from "./retry-after.ts";
import type { TokenSource } from "../identity/token-source.ts";

/** A call to another service. */
export interface ServiceRequest {
  readonly method: "GET" | "PUT" | "DELETE" | "POST";
  /**
   * The path below the service's origin, with a query where there is one. Encode each value in it by `encodeURIComponent`;
   * it does not change `.` and `..`, and a path with such a segment is refused.
   */
  readonly path: string;
  /** An object is sent as JSON. */
  readonly body?: unknown;
  /** Further headers, such as `If-Match`. Not those that the client sets or that say how the request is sent. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** The W3C trace context to pass on, so that one trace shows both services. */
  readonly traceParent?: string | undefined;
  /** Aborts the call at any stage. */
  readonly signal?: AbortSignal;
  /** A shorter deadline than the client's, in milliseconds: for the token, and then for all tries. Aborts them when it ends. */
  readonly deadlineMs?: number | undefined;
}

/** @throws TypeError for a path that is not below the service's origin, or a header that is not allowed; nothing was sent then */
export interface ServiceClient {
  (request: ServiceRequest): Promise<ServiceOutcome>;
  /** The deadline of its calls, in milliseconds. */
  readonly deadlineMs?: number;
}

export interface ServiceClientOptions {
  /** The service's origin: https, or http to a loopback address, without path or trailing slash. */
  readonly origin: string;
  /** Access tokens for the service. */
  readonly tokens: TokenSource;
  /** Replaces some of `defaultLimits`. */
  readonly limits?: Partial<ServiceLimits> | undefined;
}

/** Idempotent by RFC 9110, section 9.2.2. Of another word, which the types forbid, nothing is known. */
const REPEATABLE: readonly string[] = ["GET", "PUT", "DELETE"] satisfies ServiceRequest["method"][];

/** Milliseconds. Longer than the timeout of `createTokenSource`, whose error says more. */
export const TOKEN_TIMEOUT_MS = 12_000;

const optionSchemas = {
  // Plain http to another machine would show the token to everyone on the way.
  origin,
  tokens: v.pipe(v.custom<TokenSource>(isTokenSource), v.description("a token source, as createTokenSource makes it")),
  limits: limitsSchema,
};

/**
 * Makes a client that sends an access token with each call and repeats what is safe to repeat: every method but POST.
 *
 * Does not check the token, which only the service can do; nor the shape of a response's body; nor whether a PUT or DELETE of
 * the service is safe to repeat, as HTTP says they are (RFC 9110, section 9.2.2). Does not follow redirects.
 *
 * @throws TypeError where an option is wrong, such as an origin that is neither https nor on this machine
 *
 * @example
 * ```ts
 * import { createTokenSource, managedIdentity } from "@restricted-calls/shared/identity";
 * import { createServiceClient } from "@restricted-calls/shared/service-client";
 *
 * const tokens = createTokenSource(() => managedIdentity(undefined), "api://00000000-0000-4000-8000-000000000002/.default");
 * const callee = createServiceClient({ origin: "https://callee.azurewebsites.net", tokens });
 * const outcome = await callee({ method: "GET", path: `/api/reports/${encodeURIComponent("2026-11")}` });
 * if (outcome.kind === "response" && outcome.status === 200) console.log(outcome.body);
 * ```
 */
export function createServiceClient(options: ServiceClientOptions): ServiceClient {
  const { origin, tokens, limits: changed } = checkOptions("createServiceClient", optionSchemas, options);
  const limits: ServiceLimits = { ...defaultLimits, ...changed };
  const resilience = createResilience(limits);
  let connected: Promise<Axios> | undefined;

  const call = async (request: ServiceRequest): Promise<ServiceOutcome> => {
    requirePath(request.path, origin);
    requireHeaders(request.headers);
    const http = await (connected ??= connect(origin, limits));
    let tries = 0;
    /** Of the last try that was sent. */
    let last: ServiceOutcome | undefined;
    const noToken = (error: unknown): ServiceOutcome => ({
      kind: "no-token",
      reason: explainTokenFailure(error),
      tries,
    });
    let token: string | undefined;
    try {
      // Before the policies: they are about the service, and Entra is another one.
      token = await tokenInTime(tokens.get(), request.signal, request.deadlineMs);
    } catch (error) {
      if (request.signal?.aborted !== true) return noToken(error);
    }
    const attempt = async ({ signal }: { signal: AbortSignal }): Promise<ServiceOutcome> => {
      let current = token;
      // A later try may be seconds later.
      token = undefined;
      try {
        current ??= await tokenInTime(tokens.get(), signal);
      } catch (error) {
        if (request.signal?.aborted === true) throw new TaskCancelledError();
        return noToken(error);
      }
      tries++;
      const outcome = await withFreshToken(http, tokens, current, request, signal);
      // Thrown: an abort says nothing about the service's health.
      if (request.signal?.aborted === true) throw new TaskCancelledError();
      return (last = { ...outcome, tries });
    };
    const policy = REPEATABLE.includes(request.method) ? resilience.repeatable : resilience.once;
    try {
      const outcome = await within(request.deadlineMs, policy).execute(attempt, request.signal);
      // The outcome of a sent try says more than a missing token for the next one.
      return outcome.kind === "no-token" ? (last ?? outcome) : outcome;
    } catch (error) {
      // The request's own deadline may end before its turn comes.
      const heldBack = whyHeldBack(error, request) ?? (tries === 0 ? "no turn in time" : undefined);
      // The outcome of the previous try says more than the end of the call.
      return (
        last ?? {
          kind: heldBack === undefined ? "no-response" : "held-back",
          reason: heldBack ?? "no response in time",
          tries,
        }
      );
    }
  };
  return Object.assign(call, { deadlineMs: limits.deadlineMs });
}

function isTokenSource(tokens: unknown): boolean {
  const { get, renew } = (tokens ?? {}) as Partial<Record<keyof TokenSource, unknown>>;
  return isFunction(get) && isFunction(renew);
}

async function connect(origin: string, { responseBytes }: ServiceLimits): Promise<Axios> {
  const { axios, HttpAgent, HttpsAgent } = await import("../on-demand/http.ts");
  const { transformRequest = [] } = axios.defaults;
  // Not `axios.create`: each request would merge all of its defaults.
  return new axios.Axios({
    adapter: "http",
    baseURL: origin,
    allowAbsoluteUrls: false,
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true }),
    maxContentLength: responseBytes,
    // A redirect or a proxy would send the token to another host.
    maxRedirects: 0,
    proxy: false,
    validateStatus: () => true,
    responseType: "arraybuffer",
    transformRequest,
    transformResponse: [readBody],
  });
}

/** Strict (RFC 8259, section 8.1): axios would replace invalid UTF-8 by U+FFFD. */
const utf8 = new TextDecoder("utf-8", { fatal: true });

function readBody(bytes: unknown): unknown {
  if (!(bytes instanceof Uint8Array)) return undefined;
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function whyHeldBack(error: unknown, { signal }: ServiceRequest): string | undefined {
  if (error instanceof BrokenCircuitError) return "the service has failed repeatedly, and gets no calls for a moment";
  if (error instanceof BulkheadRejectedError) return "too many calls to the service are under way";
  if (signal?.aborted === true) return "aborted by this app";
  if (error instanceof TaskCancelledError) return undefined;
  throw error;
}

type Exchange = DistributiveOmit<ServiceOutcome, "tries">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Repeats the call with a newer token if the service calls the token invalid: it has not looked at the request. */
async function withFreshToken(
  http: Axios,
  tokens: TokenSource,
  token: string,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<Exchange> {
  try {
    const response = await send(http, token, request, signal);
    if (!isInvalidToken(response)) return exchangeOf(response);
    const newer = await newerThan(token, tokens, signal);
    return "token" in newer
      ? exchangeOf(await send(http, newer.token, request, signal))
      : exchangeOf(response, newer.advice);
  } catch (error) {
    // Perhaps sent. Only the error's code is used: an AxiosError contains the request, with the token.
    return { kind: "no-response", reason: signal.aborted ? "no response in time" : codeOfFailure(error) };
  }
}

async function newerThan(
  refused: string,
  tokens: TokenSource,
  signal: AbortSignal,
): Promise<{ readonly token: string } | { readonly advice: string }> {
  try {
    const token = await tokenInTime(tokens.renew(refused), signal);
    return token === refused ? { advice: SAME_TOKEN } : { token };
  } catch (error) {
    return { advice: `asked for a newer token, there is none: ${explainTokenFailure(error)}` };
  }
}

/** Waits for a token source, which need not be `createTokenSource`'s and may never settle. */
async function tokenInTime(
  token: Promise<string>,
  signal: AbortSignal | undefined,
  timeoutMs = TOKEN_TIMEOUT_MS,
): Promise<string> {
  // A kept token needs no timer.
  const kept = await Promise.race([token, Promise.resolve(undefined)]);
  return kept ?? inTime(token, timeoutMs, () => new Error("the token source gave no token in time"), signal);
}

function codeOfFailure(error: unknown): string {
  const { code, name } = Object(error) as { readonly code?: unknown; readonly name?: unknown };
  return [code, name].find(isCode) ?? "the call failed";
}

function send(
  http: Axios,
  token: string,
  { method, path, body, headers, traceParent }: ServiceRequest,
  signal: AbortSignal,
): Promise<AxiosResponse> {
  const trace = traceParent !== undefined && { traceparent: traceParent };
  return http.request({
    method,
    url: path,
    data: body,
    headers: { ...headers, Authorization: `Bearer ${token}`, ...trace },
    signal,
  });
}

/** RFC 6750, section 3.1. */
function isInvalidToken({ status, headers }: AxiosResponse): boolean {
  return status === 401 && String(headers["www-authenticate"]).includes('error="invalid_token"');
}

/** The media type of a problem document, perhaps with parameters. */
const PROBLEM = /^application\/problem\+json\s*(;|$)/i;

function exchangeOf(response: AxiosResponse<unknown>, adviceOnToken?: string): Exchange {
  const { status, data: body, headers } = response;
  const refusedBy = whoRefused(response);
  const code = PROBLEM.test(String(headers["content-type"])) ? problemCode(body) : undefined;
  const retryAfterMs = readRetryAfter(headers["retry-after"]);
  const advice = adviceOnToken ?? (refusedBy === "authorization" ? explainRefusal(problemCode(body)) : undefined);
  return {
    kind: "response",
    status,
    body,
    refusedBy,
    ...(code !== undefined && { code }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(advice !== undefined && { advice }),
  };
}

/** App Service's front end names the refused address in a header that the service's own 403 never has. */
function whoRefused({ status, headers }: AxiosResponse): RefusedBy {
  if (status === 403 && headers["x-ms-forbidden-ip"] !== undefined) return "network";
  return status === 401 || status === 403 ? "authorization" : undefined;
}
