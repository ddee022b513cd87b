import type { IncomingMessage, ServerResponse } from "node:http";
import type { FunctionDefinition } from "./function-definitions.ts";
import { CALLED_BY_API, type Invoker } from "./invocations.ts";
import type { Log } from "./host-log.ts";
import { readBody } from "./http/messages.ts";
import { readStatus } from "./timers/status.ts";
import { timerInput } from "./timers/timers.ts";

export interface HostApiOptions {
  readonly hostId: string;
  readonly version: string;
  readonly functions: readonly FunctionDefinition[];
  readonly settings: Readonly<Record<string, string | undefined>>;
  /** With it, keys are enforced, as in Azure; without it, everything is open, as under `func start`. */
  readonly masterKey: string | undefined;
  /** Bytes. Of a longer body nothing is kept. */
  readonly maxBodyBytes: number;
  readonly invoker: Invoker;
  readonly stateFolder: string;
  readonly log: Log;
  /** Ends the worker; the next one starts by itself. */
  restart(): void;
}

/** The real host's further endpoints for administrators: refused like those that do something here, and with the key 404. */
const NOT_HERE = new RegExp(
  `^(?:${[
    "GET /admin/host/(?:systemkeys|functionkeys|extensions|processes|drain/status|extensionbundle/.+)",
    "(?:GET|DELETE) /admin/host/(?:keys|systemkeys|functionkeys)/[^/]+",
    "POST /admin/host/(?:drain|synctriggers|log|scale/status)",
    "PUT /admin/host/state",
    "GET /admin/functions/[^/]+/(?:status|keys|keys/[^/]+)",
    "(?:PUT|DELETE) /admin/functions/[^/]+",
    "POST /admin/instance/assign",
  ].join("|")})$`,
);

type Answer = readonly [status: number, json?: unknown];

/**
 * Answers what is for no function: the host's own endpoints, as far as they are of use on one machine, and 404 for the rest.
 * A body is read by the one endpoint that needs it, after all that can refuse the request.
 *
 * @param path decoded, without dot segments
 * @param query with its question mark, or empty
 * @throws Error where that endpoint's body is longer than the limit, or breaks off
 */
export async function answerHostsOwn(
  options: HostApiOptions,
  path: string,
  query: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (path === "/") {
    answerHomepage(options, response);
    return;
  }
  const route = `${request.method ?? ""} ${path.replace(/\/$/, "").toLowerCase()}`;
  const [status, json] = await answerTo(options, route, hasKey(options, request, query), request);
  if (json === undefined) response.writeHead(status, { "content-length": 0 }).end();
  else response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(json));
}

/** Whether a request brings the master key, or none is asked for. */
export function hasKey({ masterKey }: HostApiOptions, request: IncomingMessage, query: string): boolean {
  const given = request.headers["x-functions-key"] ?? new URLSearchParams(query).get("code");
  return masterKey === undefined || given === masterKey;
}

/** The page that the real host shows here names the platform; who calls the app learns no more by this one. */
function answerHomepage({ settings }: HostApiOptions, response: ServerResponse): void {
  if (settings["AzureWebJobsDisableHomepage"]?.toLowerCase() === "true") response.writeHead(204).end();
  else response.writeHead(200, { "content-type": "text/html" }).end("<!DOCTYPE html><title>Azure Functions</title>");
}

function answerTo(
  options: HostApiOptions,
  route: string,
  isAllowed: boolean,
  request: IncomingMessage,
): Answer | Promise<Answer> {
  if (/^\w+ \/admin\/(?:host\/ping|warmup)$|^GET \/admin\/instance\/http-health$/.test(route)) return [200];
  const isIsolated = options.settings["FUNCTIONS_ADMIN_ISOLATION_ENABLED"] === "1";
  if (/^\w+ \/admin\/vfs(?:\/|$)/.test(route)) return [isAllowed && !isIsolated ? 403 : 401];
  if (/^\w+ \/runtime\/webhooks\/./.test(route)) return [isAllowed ? 404 : 401];
  const answer = administration(options, route, request);
  if (answer === undefined) return [404];
  if (!isAllowed) return [401];
  return isIsolated ? [403] : answer();
}

/** What an endpoint for administrators does, or undefined where there is none. */
function administration(
  options: HostApiOptions,
  route: string,
  request: IncomingMessage,
): (() => Answer | Promise<Answer>) | undefined {
  const { hostId, version, functions } = options;
  const ofFunction = /^(GET|POST) \/admin\/functions\/([^/]+)$/.exec(route);
  if (ofFunction !== null) {
    const definition = functions.find(({ name }) => name.toLowerCase() === ofFunction[2]);
    if (ofFunction[1] === "POST") return () => runNow(options, definition, request);
    return () => (definition === undefined ? [404] : [200, describe(definition)]);
  }
  const answers: Readonly<Record<string, () => Answer>> = {
    "GET /admin/host/status": () => [
      200,
      { id: hostId, state: "Running", version, processUptime: Math.round(process.uptime() * 1000) },
    ],
    "GET /admin/functions": () => [200, functions.map(describe)],
    "GET /admin/host/keys": () => [200, { keys: [], links: [] }], // The master key, which the real host does not list, is all there is.
    "GET /admin/host/config": () => [200, {}],
    "GET /admin/instance/info": () => [200, { FUNCTIONS_EXTENSION_VERSION: version }],
    "POST /admin/host/restart": () => {
      options.restart();
      return [200];
    },
  };
  return answers[route] ?? (NOT_HERE.test(route) ? () => [404] : undefined);
}

function describe({ name, isDisabled }: FunctionDefinition): { readonly name: string; readonly isDisabled: boolean } {
  return { name, isDisabled };
}

/** Starts a run without waiting for it. As on the real host it is no tick: no retries, and it may overlap with one. */
async function runNow(
  { invoker, stateFolder, log, maxBodyBytes }: HostApiOptions,
  definition: FunctionDefinition | undefined,
  request: IncomingMessage,
): Promise<Answer> {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(request.headers["content-type"] ?? "")) return [415];
  if (!isJsonObject((await readBody(request, maxBodyBytes)).toString())) return [400];
  if (definition === undefined) return [404];
  const { name } = definition;
  if (definition.kind === "http") {
    // As on the real host: accepted, and then there is no request that the function could be given.
    log("error", `Function.${name}`, `'Functions.${name}' is triggered by HTTP and needs a request: call its URL`);
  } else {
    const input = timerInput(definition, readStatus(stateFolder, name), false);
    void invoker.run({ definition, input, reason: CALLED_BY_API });
  }
  return [202];
}

/** Such as `{"input": ""}`. */
function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}
