import type { TokenCredential } from "@azure/identity";
import * as v from "valibot";
import { readRetryAfter } from "@restricted-calls/shared/service-client";
import { type Reading, unseen } from "./reading.ts";

/** Azure Resource Manager or Microsoft Graph, to read from. Each address is asked once, however often it is read. */
export interface AzureApi {
  /** @param permission what one needs to be allowed this, for whoever is not */
  get<T>(path: string, shape: Shape<T>, permission: string): Promise<Reading<T>>;
  /** A list in pages, all of them. Few lists are asked for by POST, and change nothing either. */
  list<T>(path: string, item: Shape<T>, permission: string, method?: "GET" | "POST"): Promise<Reading<readonly T[]>>;
  /** Some readings are POST requests, because they give out secrets. They change nothing. */
  post<T>(path: string, shape: Shape<T>, permission: string): Promise<Reading<T>>;
}

type Shape<T> = v.GenericSchema<unknown, T>;

export interface AzureApiOptions {
  /** For a person. */
  readonly name: string;
  /** The origin. */
  readonly endpoint: string;
  readonly scope: string;
  readonly tenantId: string;
  readonly credential: TokenCredential;
  /** Milliseconds that a request may take. */
  readonly patience: number;
  /** Waits for so many milliseconds. */
  readonly wait: (milliseconds: number) => Promise<void>;
  /** Whether an object that was just created may still be missing, as in Microsoft Graph, whose replicas follow each other. */
  readonly missingMayAppear: boolean;
}

/** How often a throttled request is made again, and the longest wait before that, in milliseconds. */
const ATTEMPTS = 4;
const LONGEST_WAIT_MS = 30_000;
/** Milliseconds of waiting for what passes by itself: of all requests to one API together, so that an outage ends a run soon. */
const TRANSIENT_WAIT_MS = 60_000;
const TRANSIENT_WAITS_MS = { first: 1_000, longest: 10_000 };
/** Nothing that is looked at comes in more pages than this. */
const MOST_PAGES = 100;

export function azureApi(options: AzureApiOptions): AzureApi {
  const { name, endpoint } = options;
  const asked = new Map<string, Promise<Reading<unknown>>>();
  const transient = transientWaits(options.wait);

  const once = (method: string, url: string, permission: string): Promise<Reading<unknown>> => {
    const key = `${method} ${url}`;
    const answer = asked.get(key) ?? ask(method, url, permission, options, transient);
    asked.set(key, answer);
    return answer;
  };
  const shaped = <T>(reading: Reading<unknown>, shape: Shape<T>, path: string): Reading<T> => {
    if (reading.kind !== "found") return reading;
    const parsed = v.safeParse(shape, reading.value);
    if (parsed.success) return { kind: "found", value: parsed.output };
    const where = v.getDotPath(parsed.issues[0]) ?? "the answer as a whole";
    return unseen(`${name} answered ${withoutQuery(path)} in an unexpected form: ${where}.`);
  };

  return {
    get: async (path, shape, permission) => shaped(await once("GET", endpoint + path, permission), shape, path),
    post: async (path, shape, permission) => shaped(await once("POST", endpoint + path, permission), shape, path),
    async list<T>(path: string, item: Shape<T>, permission: string, method = "GET"): Promise<Reading<readonly T[]>> {
      const items: T[] = [];
      let next: string | undefined = endpoint + path;
      for (let page = 0; next !== undefined; page++) {
        // A link to elsewhere would take the token there.
        if (page === MOST_PAGES || new URL(next).origin !== new URL(endpoint).origin) {
          return unseen(`${name} answered ${withoutQuery(path)} with a next page that is not followed.`);
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
 * Waits before what failed in passing is asked again, longer each time.
 *
 * @returns false where the time for that is used up
 */
type TransientWait = (attempt: number) => Promise<boolean>;

function transientWaits(wait: AzureApiOptions["wait"]): TransientWait {
  let left = TRANSIENT_WAIT_MS;
  return async (attempt) => {
    const { first, longest } = TRANSIENT_WAITS_MS;
    const milliseconds = Math.min(first * 2 ** (attempt - 1), longest, left);
    if (milliseconds === 0) return false;
    left -= milliseconds;
    await wait(milliseconds);
    return true;
  };
}

/** The reasons never repeat an answer's body: there is no telling what is in it. */
async function ask(
  method: string,
  url: string,
  permission: string,
  { name, scope, tenantId, credential, patience, wait, missingMayAppear }: AzureApiOptions,
  transient: TransientWait,
): Promise<Reading<unknown>> {
  const path = withoutQuery(new URL(url).pathname);
  try {
    const token = await credential.getToken(scope, { tenantId });
    if (token === null) return unseen(`There is no token for ${name}: sign in, by az login.`);
    for (let attempt = 1; ; attempt++) {
      const response = await send(method, url, token.token, patience).catch((error: unknown) => error);
      if (!(response instanceof Response)) {
        if (isTransientFailure(response) && (await transient(attempt))) continue;
        throw response;
      }
      const { status } = response;
      if (status === 200) return { kind: "found", value: await response.json() };
      await response.body?.cancel();
      if ((status >= 500 || (status === 404 && missingMayAppear)) && (await transient(attempt))) continue;
      if (status === 404) return { kind: "missing", what: path };
      if (status === 401 || status === 403) {
        return unseen(`${name} answered ${status}. The missing permission: ${permission}.`);
      }
      if (status !== 429 || attempt >= ATTEMPTS) return unseen(`${name} answered ${status} to ${method} ${path}.`);
      await wait(Math.min(readRetryAfter(response.headers.get("retry-after")) ?? 1_000, LONGEST_WAIT_MS));
    }
  } catch (error) {
    return unseen(`${name} could not be asked for ${path}: ${failureOf(error)}.`);
  }
}

function send(method: string, url: string, token: string, patience: number): Promise<Response> {
  return fetch(url, {
    method,
    headers: { authorization: `Bearer ${token}`, accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(patience),
  });
}

/** No answer in time, or no connection. A redirect fails as well, each time again. */
function isTransientFailure(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return error.name === "TimeoutError" || (error.cause instanceof Error && "code" in error.cause);
}

/** The kind of a failure, by its name or code: messages may hold what was sent, or an account's name. */
export function failureOf(error: unknown): string {
  if (!(error instanceof Error)) return "an unknown failure";
  const [entraCode] = /AADSTS\d+/.exec(error.message) ?? [];
  if (entraCode !== undefined) return entraCode;
  if (error.cause instanceof Error && "code" in error.cause) return String(error.cause.code);
  if (error.name === "TimeoutError") return "no response in time";
  return error instanceof SyntaxError ? "the answer is not JSON" : error.name;
}

function withoutQuery(path: string): string {
  return path.replace(/\?.*$/, "");
}
