import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";
import axios, { type AxiosError, type AxiosInstance, type AxiosResponse, isAxiosError } from "axios";
import { ExponentialBackoff, handleWhenResult, retry } from "cockatiel";

/** A call to another service. */
export interface ServiceRequest {
  readonly method: "GET" | "PUT" | "DELETE" | "POST";
  /** The path below the service's origin; its variable parts are the caller's to encode. */
  readonly path: string;
  readonly body?: unknown;
  /** The W3C trace context to pass on, so that one trace shows both services. */
  readonly traceParent?: string | undefined;
  readonly signal?: AbortSignal;
}

/** What became of a call. Nothing that can go wrong between two services is thrown. */
export type ServiceOutcome =
  | { readonly kind: "answer"; readonly status: number; readonly body: unknown; readonly refusedBy: RefusedBy }
  /** No token, so nothing was sent. */
  | { readonly kind: "no-token"; readonly reason: string }
  /** Sent, perhaps, but not answered. */
  | { readonly kind: "no-answer"; readonly reason: string };

/** Which layer refused a call: the service's front end by its access restrictions, or the service by the token. */
export type RefusedBy = "network" | "authorization" | undefined;

export type ServiceClient = (request: ServiceRequest) => Promise<ServiceOutcome>;

export interface ServiceClientOptions {
  /** The service's origin. */
  readonly origin: string;
  /** Gets an access token for the service, from a cache where it can. */
  readonly getToken: () => Promise<string>;
}

/** A service answers in milliseconds; one that takes longer than this, in milliseconds, is asked again. */
const TIMEOUT_MS = 10_000;

/** Answers of the services here are a few hundred bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** Two more tries bridge a restarted instance; whatever lasts longer is the outbox's business. */
const MAX_RETRIES = 2;
const FIRST_RETRY_AFTER_MS = 200;

/** Makes a client that sends an access token with each call and repeats what is safe to repeat. */
export function createServiceClient({ origin, getToken }: ServiceClientOptions): ServiceClient {
  const http = axios.create({
    baseURL: origin,
    httpAgent: new HttpAgent({ keepAlive: true }),
    httpsAgent: new HttpsAgent({ keepAlive: true }),
    timeout: TIMEOUT_MS,
    maxContentLength: MAX_ANSWER_BYTES,
    // A redirect or a proxy would carry the token somewhere else.
    maxRedirects: 0,
    proxy: false,
    validateStatus: () => true,
  });

  return (request) => {
    const attempt = (): Promise<ServiceOutcome> => send(http, getToken, request);
    return request.method === "POST" ? attempt() : repeatable.execute(attempt, request.signal);
  };
}

const repeatable = retry(
  handleWhenResult((outcome) => isWorthRepeating(outcome as ServiceOutcome)),
  { maxAttempts: MAX_RETRIES, backoff: new ExponentialBackoff({ initialDelay: FIRST_RETRY_AFTER_MS }) },
);

function isWorthRepeating(outcome: ServiceOutcome): boolean {
  if (outcome.kind !== "answer") return outcome.kind === "no-answer";
  return outcome.status === 408 || outcome.status === 429 || outcome.status >= 500;
}

async function send(
  http: AxiosInstance,
  getToken: () => Promise<string>,
  { method, path, body, traceParent, signal }: ServiceRequest,
): Promise<ServiceOutcome> {
  let token: string;
  try {
    token = await getToken();
  } catch (error) {
    return { kind: "no-token", reason: messageOf(error) };
  }
  try {
    const response = await http.request<unknown>({
      method,
      url: path,
      data: body,
      headers: { Authorization: `Bearer ${token}`, ...(traceParent !== undefined && { traceparent: traceParent }) },
      ...(signal !== undefined && { signal }),
    });
    return { kind: "answer", status: response.status, body: response.data, refusedBy: refusedBy(response) };
  } catch (error) {
    // Only its code: an AxiosError carries the request, and with it the token.
    return { kind: "no-answer", reason: isAxiosError(error) ? codeOf(error) : messageOf(error) };
  }
}

/** App Service's front end names the address it refused in a header that the service's own 403 never carries. */
function refusedBy({ status, headers }: AxiosResponse): RefusedBy {
  if (status === 403 && headers["x-ms-forbidden-ip"] !== undefined) return "network";
  return status === 401 || status === 403 ? "authorization" : undefined;
}

function codeOf(error: AxiosError): string {
  return error.code ?? "the connection failed";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
