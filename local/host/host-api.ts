/** The endpoints of the host itself: the admin API and the homepage. */
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
  /** With it, keys are enforced, as in Azure; without it, no key is checked, as under `func start`. */
  readonly masterKey: string | undefined;
  readonly maxBodyBytes: number;
  readonly invoker: Invoker;
  readonly stateFolder: string;
  readonly log: Log;
  /** Ends the worker. The next one starts by itself. */
  restart(): void;
}

/** Further admin endpoints of the real host: without the key they are refused like the others, with it they return 404. */
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

type Reply = readonly [status: number, json?: unknown];

/**
 * Responds to a request that is not for a function: from the endpoints that are useful on one machine, else with 404. Only one
 * endpoint reads the body, after every check that can refuse the request.
 *
 * @param path decoded, without dot segments
 * @param query with its question mark, or empty
 * @throws Error where that body is longer than the limit, or the client breaks off
 */
export async function respondAsHost(
  options: HostApiOptions,
  path: string,
  query: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (path === "/") {
    respondHomepage(options, response);
    return;
  }
  const route = `${request.method ?? ""} ${path.replace(/\/$/, "").toLowerCase()}`;
  const [status, json] = await replyTo(options, route, hasKey(options, request, query), request);
  if (json === undefined) response.writeHead(status, { "content-length": 0 }).end();
  else response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(json));
}

/** Whether a request has the master key, or keys are not enforced. */
export function hasKey({ masterKey }: HostApiOptions, request: IncomingMessage, query: string): boolean {
  const given = request.headers["x-functions-key"] ?? new URLSearchParams(query).get("code");
  return masterKey === undefined || given === masterKey;
}

/** The homepage names the platform, as on the real host, and nothing else. */
function respondHomepage({ settings }: HostApiOptions, response: ServerResponse): void {
  if (settings["AzureWebJobsDisableHomepage"]?.toLowerCase() === "true") response.writeHead(204).end();
  else response.writeHead(200, { "content-type": "text/html" }).end("<!DOCTYPE html><title>Azure Functions</title>");
}

function replyTo(
  options: HostApiOptions,
  route: string,
  isAllowed: boolean,
  request: IncomingMessage,
): Reply | Promise<Reply> {
  if (/^\w+ \/admin\/(?:host\/ping|warmup)$|^GET \/admin\/instance\/http-health$/.test(route)) return [200];
  const isIsolated = options.settings["FUNCTIONS_ADMIN_ISOLATION_ENABLED"] === "1";
  if (/^\w+ \/admin\/vfs(?:\/|$)/.test(route)) return [isAllowed && !isIsolated ? 403 : 401];
  if (/^\w+ \/runtime\/webhooks\/./.test(route)) return [isAllowed ? 404 : 401];
  const action = administration(options, route, request);
  if (action === undefined) return [404];
  if (!isAllowed) return [401];
  return isIsolated ? [403] : action();
}

/** The action of an admin endpoint; undefined where there is none. */
function administration(
  options: HostApiOptions,
  route: string,
  request: IncomingMessage,
): (() => Reply | Promise<Reply>) | undefined {
  const { hostId, version, functions } = options;
  const ofFunction = /^(GET|POST) \/admin\/functions\/([^/]+)$/.exec(route);
  if (ofFunction !== null) {
    const definition = functions.find(({ name }) => name.toLowerCase() === ofFunction[2]);
    if (ofFunction[1] === "POST") return () => runNow(options, definition, request);
    return () => (definition === undefined ? [404] : [200, describe(definition)]);
  }
  const actions: Readonly<Record<string, () => Reply>> = {
    "GET /admin/host/status": () => [
      200,
      { id: hostId, state: "Running", version, processUptime: Math.round(process.uptime() * 1000) },
    ],
    "GET /admin/functions": () => [200, functions.map(describe)],
    "GET /admin/host/keys": () => [200, { keys: [], links: [] }], // The real host does not list the master key, and there is no other.
    "GET /admin/host/config": () => [200, {}],
    "GET /admin/instance/info": () => [200, { FUNCTIONS_EXTENSION_VERSION: version }],
    "POST /admin/host/restart": () => {
      options.restart();
      return [200];
    },
  };
  return actions[route] ?? (NOT_HERE.test(route) ? () => [404] : undefined);
}

function describe({ name, isDisabled }: FunctionDefinition): { readonly name: string; readonly isDisabled: boolean } {
  return { name, isDisabled };
}

/** Starts a run and does not wait for it. As on the real host, it may overlap with a tick. */
async function runNow(
  { invoker, stateFolder, log, maxBodyBytes }: HostApiOptions,
  definition: FunctionDefinition | undefined,
  request: IncomingMessage,
): Promise<Reply> {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(request.headers["content-type"] ?? "")) return [415];
  if (!isJsonObject((await readBody(request, maxBodyBytes)).toString())) return [400];
  if (definition === undefined) return [404];
  const { name } = definition;
  if (definition.kind === "http") {
    // As on the real host: accepted, but there is no request for the function.
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
