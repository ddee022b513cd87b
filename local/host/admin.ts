import { buffer } from "node:stream/consumers";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { FunctionDefinition } from "./function-definitions.ts";
import { CALLED_BY_API, type Invoker } from "./invocations.ts";
import type { Log } from "./host-log.ts";
import { readStatus } from "./timer-status.ts";
import { timerInput } from "./timers.ts";

export interface AdminOptions {
  readonly hostId: string;
  readonly version: string;
  readonly functions: readonly FunctionDefinition[];
  readonly invoker: Invoker;
  readonly stateFolder: string;
  readonly log: Log;
}

/** The admin API of the Functions host, as far as it is of use on one machine. Keys are not asked for, as under `func`. */
export async function handleAdmin(
  options: AdminOptions,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { hostId, version, functions } = options;
  const body = await buffer(request);
  const route = `${request.method ?? ""} ${path.replace(/\/$/, "").toLowerCase()}`;
  if (route === "GET /admin/host/status") {
    const processUptime = Math.round(process.uptime() * 1000);
    answerJson(response, { id: hostId, state: "Running", version, processUptime });
  } else if (route === "GET /admin/functions") {
    answerJson(
      response,
      functions.map(({ name }) => ({ name })),
    );
  } else if (route.startsWith("POST /admin/functions/")) {
    const name = route.slice("POST /admin/functions/".length);
    const definition = functions.find((candidate) => candidate.name.toLowerCase() === name);
    response.statusCode = definition === undefined ? 404 : refusal(request, body);
    if (definition !== undefined && response.statusCode === 202) runNow(options, definition);
    response.end();
  } else {
    response.writeHead(404).end();
  }
}

/** The status for the body: 202 for a JSON object such as `{"input": ""}`. */
function refusal(request: IncomingMessage, body: Buffer): 202 | 400 | 415 {
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(request.headers["content-type"] ?? "")) return 415;
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === "object" && value !== null && !Array.isArray(value) ? 202 : 400;
  } catch {
    return 400;
  }
}

/** Starts a run without waiting for it. As on the real host it is no tick: no retries, and it may overlap with one. */
function runNow({ invoker, stateFolder, log }: AdminOptions, definition: FunctionDefinition): void {
  const { name } = definition;
  if (definition.kind === "http") {
    // As on the real host: accepted, and then there is no request that the function could be given.
    log("error", `Function.${name}`, `'Functions.${name}' is triggered by HTTP and needs a request: call its URL`);
    return;
  }
  const input = timerInput(definition, readStatus(stateFolder, name), false);
  void invoker.run({ definition, input, reason: CALLED_BY_API });
}

function answerJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(value));
}
