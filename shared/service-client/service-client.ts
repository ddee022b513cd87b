import type { AxiosInstance, AxiosResponse } from "axios";
import { BrokenCircuitError, BulkheadRejectedError, TaskCancelledError } from "cockatiel";
import { explainRefusal, explainTokenFailure } from "./explain.ts";
import { createResilience } from "./resilience.ts";
import { readRetryAfter } from "./retry-after.ts";
import type { TokenSource } from "../token-source.ts";

/** A call to another service. */
export interface ServiceRequest {
  readonly method: "GET" | "PUT" | "DELETE" | "POST";
  /** The path below the service's origin; its variable parts are the caller's to encode. */
  readonly path: string;
  readonly body?: unknown;
  /** The W3C trace context to pass on, so that one trace shows both services. */
  readonly traceParent?: string | undefined;
  /** Breaks the call off, wherever it is. */
  readonly signal?: AbortSignal;
}

/** What became of a call, after how many tries. Nothing that can go wrong between two services is thrown. */
export type ServiceOutcome = { readonly tries: number } & (
  | {
      readonly kind: "answer";
      readonly status: number;
      readonly body: unknown;
      readonly refusedBy: RefusedBy;
      /** How long the service asks to be left alone, in milliseconds. */
      readonly retryAfterMs?: number;
      /** What to do about a refusal. */
      readonly advice?: string;
    }
  /** Sent, perhaps, but not answered. */
  | { readonly kind: "no-answer"; readonly reason: string }
  /** No token, so nothing was sent. */
  | { readonly kind: "no-token"; readonly reason: string }
  /** Not gone through with on this side: the circuit is open, too many calls are under way, or the caller broke it off. */
  | { readonly kind: "held-back"; readonly reason: string }
);

/** Which layer refused a call: the service's front end by its access restrictions, or the service by the token. */
export type RefusedBy = "network" | "authorization" | undefined;

export type ServiceClient = (request: ServiceRequest) => Promise<ServiceOutcome>;

export interface ServiceClientOptions {
  /** The service's origin. */
  readonly origin: string;
  /** Access tokens for the service. */
  readonly tokens: TokenSource;
}

/** Answers of the services here are a few hundred bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Makes a client that sends an access token with each call and repeats what is safe to repeat. */
export function createServiceClient({ origin, tokens }: ServiceClientOptions): ServiceClient {
  const resilience = createResilience();
  let connected: Promise<AxiosInstance> | undefined;

  return async (request) => {
    const http = await (connected ??= connect(origin));
    let tries = 0;
    let last: ServiceOutcome | undefined;
    const attempt = async ({ signal }: { signal: AbortSignal }): Promise<ServiceOutcome> => {
      tries++;
      const outcome = await withFreshToken(http, tokens, request, signal);
      // Thrown, because it says nothing about the service's health.
      if (request.signal?.aborted === true) throw new TaskCancelledError();
      return (last = { ...outcome, tries });
    };
    try {
      // Before the policies: they are about the service, and Entra is another one.
      await tokens.get();
    } catch (error) {
      return { kind: "no-token", reason: explainTokenFailure(error), tries };
    }
    const policy = request.method === "POST" ? resilience.once : resilience.repeatable;
    try {
      return await policy.execute(attempt, request.signal);
    } catch (error) {
      const heldBack = whyHeldBack(error, request);
      // A failure of the try before says more than that there was none after it.
      return (
        last ?? {
          kind: heldBack === undefined ? "no-answer" : "held-back",
          reason: heldBack ?? "no answer in time",
          tries,
        }
      );
    }
  };
}

async function connect(origin: string): Promise<AxiosInstance> {
  const { axios, HttpAgent, HttpsAgent } = await import("../on-demand/http.ts");
  return axios.create({
    baseURL: origin,
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true }),
    maxContentLength: MAX_ANSWER_BYTES,
    // A redirect or a proxy would carry the token somewhere else.
    maxRedirects: 0,
    proxy: false,
    validateStatus: () => true,
  });
}

function whyHeldBack(error: unknown, { signal }: ServiceRequest): string | undefined {
  if (error instanceof BrokenCircuitError)
    return "the service has failed again and again, and is left alone for a moment";
  if (error instanceof BulkheadRejectedError) return "too many calls to the service are under way";
  if (signal?.aborted === true) return "broken off by this app";
  if (error instanceof TaskCancelledError) return undefined;
  throw error;
}

type Exchange = DistributiveOmit<ServiceOutcome, "tries">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** Where the service calls the token invalid, once more with a newer one: it has not looked at the request. */
async function withFreshToken(
  http: AxiosInstance,
  tokens: TokenSource,
  request: ServiceRequest,
  signal: AbortSignal,
): Promise<Exchange> {
  let token: string;
  try {
    token = await tokens.get();
    const response = await send(http, token, request, signal);
    if (!isInvalidToken(response)) return answer(response, true);
    const newer = await tokens.renew(token);
    return newer === token ? answer(response, false) : answer(await send(http, newer, request, signal), true);
  } catch (error) {
    const { isAxiosError } = await import("../on-demand/http.ts");
    if (isAxiosError(error)) {
      // Only its code: an AxiosError carries the request, and with it the token.
      return {
        kind: "no-answer",
        reason: signal.aborted ? "no answer in time" : (error.code ?? "the connection failed"),
      };
    }
    return { kind: "no-token", reason: explainTokenFailure(error) };
  }
}

function send(
  http: AxiosInstance,
  token: string,
  { method, path, body, traceParent }: ServiceRequest,
  signal: AbortSignal,
): Promise<AxiosResponse> {
  const trace = traceParent !== undefined && { traceparent: traceParent };
  return http.request({
    method,
    url: path,
    data: body,
    headers: { Authorization: `Bearer ${token}`, ...trace },
    signal,
  });
}

/** RFC 6750, section 3.1. */
function isInvalidToken({ status, headers }: AxiosResponse): boolean {
  return status === 401 && String(headers["www-authenticate"]).includes('error="invalid_token"');
}

function answer(response: AxiosResponse<unknown>, hasNewerToken: boolean): Exchange {
  const { status, data: body, headers } = response;
  const refusedBy = whoRefused(response);
  const retryAfterMs = readRetryAfter(headers["retry-after"]);
  const advice = refusedBy === "authorization" ? explainRefusal(status, codeOf(body), hasNewerToken) : undefined;
  return {
    kind: "answer",
    status,
    body,
    refusedBy,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(advice !== undefined && { advice }),
  };
}

/** App Service's front end names the address it refused in a header that the service's own 403 never carries. */
function whoRefused({ status, headers }: AxiosResponse): RefusedBy {
  if (status === 403 && headers["x-ms-forbidden-ip"] !== undefined) return "network";
  return status === 401 || status === 403 ? "authorization" : undefined;
}

function codeOf(body: unknown): string | undefined {
  return typeof body === "object" && body !== null && "code" in body ? String(body.code) : undefined;
}
