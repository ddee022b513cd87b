/**
 * Creates and removes resources, and waits for the end of each operation.
 *
 * @see https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations
 */
import * as v from "valibot";
import { readRetryAfter } from "@restricted-calls/shared/service-client";
import { type AzureApiOptions, failureOf, type Shape, UNREGISTERED } from "../azure/api.ts";

/** Paths have their API version. */
export interface ResourceManager {
  /** @returns undefined if there is no such resource */
  read<T>(path: string, shape: Shape<T>, pause: Pause): Promise<T | undefined>;
  /** Ends when the resource is created. */
  create(path: string, body: object, pause: Pause): Promise<void>;
  /** Ends when the resource is gone. Tries again while another resource uses it, or its links remain. */
  remove(path: string, pause: Pause): Promise<void>;
}

/** Waits so many milliseconds. Returns false if the time for waits is used up. Throws at the signal. */
export type Pause = (milliseconds: number) => Promise<boolean>;

/** @param totalMs the time for all waits together, in milliseconds */
export function pauses(totalMs: number, wait: AzureApiOptions["wait"], signal?: AbortSignal): Pause {
  let left = totalMs;
  return async (milliseconds) => {
    signal?.throwIfAborted();
    if (left <= 0) return false;
    const waitMs = Math.min(milliseconds, left);
    left -= waitMs;
    const ends = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      signal?.addEventListener(
        "abort",
        () => {
          resolve();
        },
        { once: true, signal: ends.signal },
      );
    });
    await Promise.race([wait(waitMs), aborted]);
    ends.abort();
    return true;
  };
}

/** Resource Manager did not do what it was asked for. The message says why. */
export class ResourceManagerError extends Error {
  override readonly name = "ResourceManagerError";
  /** `transient`: a later attempt may succeed. `forbidden`: a permission is missing. */
  readonly kind: "transient" | "forbidden" | "final";

  constructor(message: string, kind: ResourceManagerError["kind"]) {
    super(message);
    this.kind = kind;
  }
}

/** Between two requests for a status, unless the response says otherwise. */
const POLL_MS = 5_000;
const MAX_POLL_MS = 30_000;

export function resourceManager(options: AzureApiOptions): ResourceManager {
  const { endpoint } = options;
  const get = (url: string, pause: Pause): Promise<Answer> => request("GET", url, undefined, pause);

  /** Retries transient failures. */
  async function request(method: string, url: string, body: object | undefined, pause: Pause): Promise<Answer> {
    for (;;) {
      let retryMs = POLL_MS;
      try {
        const answer = await send(options, method, url, body);
        const { status } = answer;
        if (status < 300 || (status === 404 && method !== "PUT")) return answer;
        retryMs = answer.retryMs;
        const { code } = v.is(refused, answer.body) ? answer.body.error : { code: "" };
        if (status === 409 && code === UNREGISTERED && method !== "PUT") return { ...answer, status: 404 };
        throw refusal(method, url, answer);
      } catch (error) {
        const known = error instanceof ResourceManagerError ? error : unreachable(method, url, error);
        if (known.kind !== "transient" || !(await pause(retryMs))) throw known;
      }
    }
  }

  /** Follows `Azure-AsyncOperation`, else `Location`, else the provisioning state of the resource. */
  async function finished(method: "PUT" | "DELETE", url: string, accepted: Answer, pause: Pause): Promise<void> {
    const { operation, location } = accepted;
    let last = accepted;
    const next = async (from: string): Promise<Answer> => {
      if (!(await pause(last.retryMs)))
        throw new ResourceManagerError(`${method} ${pathOf(url)} did not end in time.`, "transient");
      last = await get(from, pause);
      return last;
    };
    if (operation !== null) {
      for (;;) {
        const { status, error } = shaped(operationStatus, operation, await next(operation));
        if (status === "Succeeded") return;
        if (isFinal(status)) throw failure(method, url, error ?? { code: status });
      }
    }
    if (location !== null && accepted.status === 202) {
      while (last.status === 202) await next(location);
      return;
    }
    if (method === "DELETE") return;
    for (let answer = accepted; ; answer = await next(url)) {
      const { provisioningState: state } = shaped(provisioned, url, answer).properties ?? {};
      if (state === undefined || state === null || state === "Succeeded") return;
      if (isFinal(state)) throw failure(method, url, { code: state });
    }
  }

  return {
    async read(path, shape, pause) {
      const answer = await get(endpoint + path, pause);
      return answer.status === 404 ? undefined : shaped(shape, path, answer);
    },
    async create(path, body, pause) {
      await finished("PUT", endpoint + path, await request("PUT", endpoint + path, body, pause), pause);
    },
    async remove(path, pause) {
      const url = endpoint + path;
      for (;;) {
        const reason = await removal(url);
        if (reason === undefined && (await get(url, pause)).status === 404) return;
        if (!(await pause(POLL_MS)))
          throw reason ?? new ResourceManagerError(`${pathOf(url)} is still there.`, "transient");
      }

      /** Why it is not removed yet. */
      async function removal(of: string): Promise<ResourceManagerError | undefined> {
        try {
          await finished("DELETE", of, await request("DELETE", of, undefined, pause), pause);
          return undefined;
        } catch (error) {
          // A subnet is in use until the links of its container group are gone, which its group's removal does not wait for.
          if (error instanceof ResourceManagerError && error.kind !== "forbidden") return error;
          // Its creation may have been refused too.
          if ((await get(of, pause)).status === 404) return undefined;
          throw error;
        }
      }
    },
  };

  function refusal(method: string, url: string, { status, body }: Answer): ResourceManagerError {
    const parsed = v.safeParse(refused, body);
    const code = parsed.success ? parsed.output.error.code : "";
    // Another operation on the same virtual network is under way.
    const isTransient = status >= 500 || ([408, 409, 429].includes(status) && code !== UNREGISTERED);
    const why = parsed.success ? inWords(parsed.output.error) : "without a reason";
    return new ResourceManagerError(
      `${options.name} answered ${status} to ${method} ${pathOf(url)}: ${why}.`,
      status === 401 || status === 403 ? "forbidden" : isTransient ? "transient" : "final",
    );
  }

  function failure(method: string, url: string, error: Reason): ResourceManagerError {
    return new ResourceManagerError(`${method} ${pathOf(url)} failed: ${inWords(error)}.`, "final");
  }

  function unreachable(method: string, url: string, error: unknown): ResourceManagerError {
    return new ResourceManagerError(
      `${options.name} could not be asked to ${method} ${pathOf(url)}: ${failureOf(error)}.`,
      "transient",
    );
  }

  function shaped<T>(shape: Shape<T>, url: string, { body }: Answer): T {
    const parsed = v.safeParse(shape, body);
    if (parsed.success) return parsed.output;
    const where = v.getDotPath(parsed.issues[0]) ?? "the whole response";
    throw new ResourceManagerError(`${options.name} answered ${pathOf(url)} in an unexpected form: ${where}.`, "final");
  }
}

const reason = v.object({ code: v.string(), message: v.nullish(v.string()) });
type Reason = v.InferOutput<typeof reason>;
const refused = v.object({ error: reason });
const operationStatus = v.object({ status: v.string(), error: v.nullish(reason) });
const provisioned = v.object({ properties: v.nullish(v.object({ provisioningState: v.nullish(v.string()) })) });

function isFinal(state: string): boolean {
  return ["Succeeded", "Failed", "Canceled"].includes(state);
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly retryMs: number;
  readonly operation: string | null;
  readonly location: string | null;
}

async function send(
  { endpoint, scope, tenantId, credential, timeoutMs, name }: AzureApiOptions,
  method: string,
  url: string,
  body: object | undefined,
): Promise<Answer> {
  // A link to another origin would send the token there.
  if (new URL(url).origin !== new URL(endpoint).origin) {
    throw new ResourceManagerError(`${name} returned a link to another origin, which is not followed.`, "final");
  }
  const token = await credential.getToken(scope, { tenantId });
  if (token === null) throw new ResourceManagerError(`There is no token for ${name}: sign in, by az login.`, "final");
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${token.token}`, accept: "application/json", "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    redirect: "error",
    signal: AbortSignal.timeout(timeoutMs),
  });
  const text = await response.text();
  const { headers, status } = response;
  return {
    status,
    body: parsed(text),
    retryMs: Math.min(readRetryAfter(headers.get("retry-after")) ?? POLL_MS, MAX_POLL_MS),
    operation: headers.get("azure-asyncoperation"),
    location: headers.get("location"),
  };
}

/** Some responses have no body. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

/** In one line: the message may be of any length. */
function inWords({ code, message }: Reason): string {
  const text = (message ?? "").replaceAll(/\s+/g, " ").trim().replace(/\.$/, "").slice(0, 300);
  return text === "" ? code : `${code}, ${text}`;
}

function pathOf(url: string): string {
  return url.replace(/^https?:\/\/[^/]+/, "").replace(/\?.*$/, "");
}
