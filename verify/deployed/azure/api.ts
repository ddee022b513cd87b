/** Reads from Azure Resource Manager and Microsoft Graph. */
import type { TokenCredential } from "@azure/identity";
import * as v from "valibot";
import { readRetryAfter } from "@restricted-calls/shared/service-client";
import { isReadOnly, SECRETS_LEFT_OUT } from "../read-only.ts";
import { type Reading, unreadable } from "./reading.ts";

/** Requests each address once, however often it is read. */
export interface AzureApi {
  /** Whether it sends no request that returns secrets. */
  readonly readOnly: boolean;
  /** @param permission the required permission, named if it is missing */
  get<T>(path: string, shape: Shape<T>, permission: string): Promise<Reading<T>>;
  /** Every page of a list. A few lists are POST requests, which change nothing either. */
  list<T>(path: string, item: Shape<T>, permission: string, method?: "GET" | "POST"): Promise<Reading<readonly T[]>>;
  /** Readings that return secrets are POST requests. They change nothing. */
  post<T>(path: string, shape: Shape<T>, permission: string): Promise<Reading<T>>;
}

export type Shape<T> = v.GenericSchema<unknown, T>;

export interface AzureApiOptions {
  /** For a person. */
  readonly name: string;
  /** The origin. */
  readonly endpoint: string;
  readonly scope: string;
  readonly tenantId: string;
  readonly credential: TokenCredential;
  readonly timeoutMs: number;
  readonly wait: (milliseconds: number) => Promise<void>;
  /** Whether a new object may still be missing, as in Microsoft Graph, which is eventually consistent. */
  readonly missingMayAppear: boolean;
  /** Whether requests that return secrets are left out. */
  readonly readOnly: boolean;
}

/** Of a throttled request. */
const MAX_ATTEMPTS = 4;
const MAX_THROTTLED_WAIT_MS = 30_000;
/** All requests to one API share this time for retries of transient failures, so that an outage ends a run soon. */
const TRANSIENT_WAIT_MS = 60_000;
const FIRST_TRANSIENT_WAIT_MS = 1_000;
const MAX_TRANSIENT_WAIT_MS = 10_000;
const MAX_PAGES = 100;

/**
 * Without its resource provider, a subscription has no resource of that type. Documented for the creation of one; a read may get it too.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-register-resource-provider
 */
export const UNREGISTERED = "MissingSubscriptionRegistration";
const ofUnregistered = v.object({ error: v.object({ code: v.literal(UNREGISTERED) }) });

export function azureApi(options: AzureApiOptions): AzureApi {
  const { name, endpoint, readOnly } = options;
  const requested = new Map<string, Promise<Reading<unknown>>>();
  const transient = transientWaits(options.wait);

  const once = (method: string, url: string, permission: string): Promise<Reading<unknown>> => {
    if (readOnly && !isReadOnly(method, url))
      return Promise.resolve({ ...unreadable(SECRETS_LEFT_OUT), leftOut: true });
    const key = `${method} ${url}`;
    const response = requested.get(key) ?? send(method, url, permission, options, transient);
    requested.set(key, response);
    return response;
  };
  const shaped = <T>(reading: Reading<unknown>, shape: Shape<T>, path: string): Reading<T> => {
    if (reading.kind !== "found") return reading;
    const parsed = v.safeParse(shape, reading.value);
    if (parsed.success) return { kind: "found", value: parsed.output };
    const where = v.getDotPath(parsed.issues[0]) ?? "the whole response";
    return unreadable(`${name} answered ${withoutQuery(path)} in an unexpected form: ${where}.`);
  };

  return {
    readOnly,
    get: async (path, shape, permission) => shaped(await once("GET", endpoint + path, permission), shape, path),
    post: async (path, shape, permission) => shaped(await once("POST", endpoint + path, permission), shape, path),
    async list<T>(path: string, item: Shape<T>, permission: string, method = "GET"): Promise<Reading<readonly T[]>> {
      const items: T[] = [];
      let next: string | undefined = endpoint + path;
      for (let page = 0; next !== undefined; page++) {
        // A link to another origin would send the token there.
        if (page === MAX_PAGES || new URL(next).origin !== new URL(endpoint).origin) {
          return unreadable(`${name} answered ${withoutQuery(path)} with a next page that is not followed.`);
        }
        const reading: Reading<Page<T>> = shaped(await once(method, next, permission), pageOf(item), path);
        if (reading.kind !== "found") return reading;
        items.push(...reading.value.value);
        next = reading.value.nextLink ?? reading.value["@odata.nextLink"];
      }
      return { kind: "found", value: items };
    },
  };
}

/** Resource Manager says `nextLink`, Microsoft Graph `@odata.nextLink`. */
function pageOf<T>(item: Shape<T>): Shape<Page<T>> {
  const link = v.optional(v.pipe(v.string(), v.url()));
  return v.object({ value: v.array(item), nextLink: link, "@odata.nextLink": link });
}

interface Page<T> {
  readonly value: readonly T[];
  readonly nextLink?: string | undefined;
  readonly "@odata.nextLink"?: string | undefined;
}

/**
 * Waits before the retry of a transient failure, longer each time.
 *
 * @returns false if the time for retries is used up
 */
type TransientWait = (attempt: number) => Promise<boolean>;

function transientWaits(wait: AzureApiOptions["wait"]): TransientWait {
  let left = TRANSIENT_WAIT_MS;
  return async (attempt) => {
    const waitMs = Math.min(FIRST_TRANSIENT_WAIT_MS * 2 ** (attempt - 1), MAX_TRANSIENT_WAIT_MS, left);
    if (waitMs === 0) return false;
    left -= waitMs;
    await wait(waitMs);
    return true;
  };
}

/** The reasons never contain a response body, which may hold secrets. */
async function send(
  method: string,
  url: string,
  permission: string,
  { name, scope, tenantId, credential, timeoutMs, wait, missingMayAppear }: AzureApiOptions,
  transient: TransientWait,
): Promise<Reading<unknown>> {
  const path = withoutQuery(new URL(url).pathname);
  try {
    const token = await credential.getToken(scope, { tenantId });
    if (token === null) return unreadable(`There is no token for ${name}: sign in, by az login.`);
    for (let attempt = 1; ; attempt++) {
      const response = await request(method, url, token.token, timeoutMs).catch((error: unknown) => error);
      if (!(response instanceof Response)) {
        if (isTransientFailure(response) && (await transient(attempt))) continue;
        throw response;
      }
      const { status } = response;
      if (status === 200) return { kind: "found", value: await response.json() };
      if (status === 409 && v.is(ofUnregistered, await response.json().catch(() => null)))
        return { kind: "missing", what: path };
      if (!response.bodyUsed) await response.body?.cancel();
      if ((status >= 500 || (status === 404 && missingMayAppear)) && (await transient(attempt))) continue;
      if (status === 404) return { kind: "missing", what: path };
      if (status === 401 || status === 403) {
        return unreadable(`${name} answered ${status}. The missing permission: ${permission}.`);
      }
      if (status !== 429 || attempt >= MAX_ATTEMPTS)
        return unreadable(`${name} answered ${status} to ${method} ${path}.`);
      await wait(Math.min(readRetryAfter(response.headers.get("retry-after")) ?? 1_000, MAX_THROTTLED_WAIT_MS));
    }
  } catch (error) {
    return unreadable(`${name} could not be asked for ${path}: ${failureOf(error)}.`);
  }
}

function request(method: string, url: string, token: string, timeoutMs: number): Promise<Response> {
  return fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  });
}

/** A timeout, or no connection. A redirect is no transient failure. */
function isTransientFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "TimeoutError" || (error.cause instanceof Error && "code" in error.cause);
}

/** The kind of a failure, by its name or code. Messages may contain sent values or an account's name. */
export function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown failure";
  const [entraCode] = /AADSTS\d+/.exec(error.message) ?? [];
  if (entraCode !== undefined) return entraCode;
  if (error.cause instanceof Error && "code" in error.cause) return String(error.cause.code);
  if (error.name === "TimeoutError") return "no response in time";
  return error instanceof SyntaxError ? "the response is not JSON" : error.name;
}

function withoutQuery(path: string): string {
  return path.replace(/\?.*$/, "");
}
