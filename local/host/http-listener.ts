import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { buffer } from "node:stream/consumers";
import { handleAdmin, type AdminOptions } from "./admin.ts";
import type { HttpFunction } from "./function-definitions.ts";
import { toRpcRequest, writeRpcResponse } from "./http-messages.ts";
import { CALLED_BY_API } from "./invocations.ts";
import { createRouter, decodePath, type RouteMatch } from "./routes.ts";
import { continueTrace } from "./trace-context.ts";

/** The real host's own limits: Kestrel's for headers and idle connections, 100 MiB for a body. */
const MAX_HEADER_BYTES = 32 * 1024;
const MAX_BODY_BYTES = 100 * 1024 * 1024;
const KEEP_ALIVE = 130_000;

export interface ListenerOptions extends AdminOptions {
  readonly maxOutstandingRequests: number;
}

/** Makes the HTTP server of the host: routing, throttling, and the way to a function and back. Not listening yet. */
export function createListener(options: ListenerOptions): Server {
  const httpFunctions = options.functions.filter((definition) => definition.kind === "http");
  const route = createRouter(httpFunctions);
  const byName = new Map(httpFunctions.map((definition) => [definition.name, definition]));
  let outstanding = 0;

  const server = createServer(
    { maxHeaderSize: MAX_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE },
    (request, response) => {
      handle(request, response).catch(() => {
        // Either the client went away while it sent its body, or the answer cannot be written as HTTP.
        if (response.headersSent) response.destroy();
        else answerEmpty(response, 500);
      });
    },
  );
  return server;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = (request.url ?? "/").replace(/^https?:\/\/[^/?]+/i, "");
    const queryAt = target.includes("?") ? target.indexOf("?") : target.length;
    const path = decodePath(target.slice(0, queryAt));
    if (!server.listening) answerEmpty(response, 503);
    else if (/^\/admin(?:\/|$)/i.test(path)) await handleAdmin(options, path, request, response);
    else if (outstanding >= options.maxOutstandingRequests) answerEmpty(response, 429);
    else {
      outstanding += 1;
      try {
        const match = route(request.method ?? "", path);
        const definition = byName.get(match?.name ?? "");
        if (match === undefined || definition === undefined) answerEmpty(response, 404);
        else await callFunction(definition, match, path, target.slice(queryAt), request, response);
      } finally {
        outstanding -= 1;
      }
    }
  }

  async function callFunction(
    definition: HttpFunction,
    match: RouteMatch,
    path: string,
    query: string,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<void> {
    // Only a body that announces its length reaches the function: one sent chunked arrives empty, as on the real host.
    const length = Number(request.headers["content-length"] ?? 0);
    if (length > MAX_BODY_BYTES) {
      answerEmpty(response, 500);
      return;
    }
    const body = length > 0 ? await buffer(request) : undefined;
    const { traceparent, tracestate } = request.headers;
    const { result, returnValue, outputData } = await options.invoker.run({
      definition,
      input: { http: toRpcRequest(request, path, query, match.params, body) },
      reason: CALLED_BY_API,
      traceContext: continueTrace(toText(traceparent), toText(tracestate)),
    });
    if (result.status === "failure") {
      answerEmpty(response, 500);
      return;
    }
    const output = outputData?.find(({ name }) => name === definition.output)?.data ?? returnValue;
    writeRpcResponse(response, output?.http ?? undefined);
  }
}

/**
 * Binds the server to 127.0.0.1. Port 0 takes a free one.
 *
 * @returns the port
 * @throws Error saying what to do when the port is taken
 */
export async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(`port ${port} is taken: end what listens on it, or choose another port`, { cause: error });
  }
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function answerEmpty(response: ServerResponse, status: number): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(status, { "content-length": 0 }).end();
}

function toText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}
