/** The HTTP side of the embedded host: what it refuses, routing, throttling, and the call of a function. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { Server as NetServer } from "node:net";
import { bind } from "../../../tools/listen.ts";
import { within } from "../within.ts";
import { respondAsHost, hasKey, type HostApiOptions } from "../host-api.ts";
import type { HttpFunction } from "../function-definitions.ts";
import { readBody, toRpcRequest, writeRpcResponse } from "./messages.ts";
import { CALLED_BY_API, continueTrace } from "../invocations.ts";
import { NOT_SUPPORTED } from "../not-supported.ts";
import { refusalOf } from "./request-rules.ts";
import { createRouter, decodePath, removeDotSegments, type RouteMatch } from "./routes.ts";

/** Kestrel's time for an idle connection. */
const KEEP_ALIVE_MS = 130_000;

/** Longer than any request that Kestrel accepts: beyond this limit of Node's parser, this host cannot choose the response. */
const MAX_PARSED_HEADER_BYTES = 1024 * 1024;

/** A stopping host serves idle connections for so long. */
const LAST_REQUESTS_MS = 200;

export interface ListenerOptions extends HostApiOptions {
  readonly maxOutstandingRequests: number;
}

export interface HttpListener {
  /**
   * Binds to 127.0.0.1. Port 0 takes a free one.
   *
   * @returns the port
   * @throws Error saying why the port cannot be listened on, and what to do
   */
  listen(port: number): Promise<number>;
  /**
   * Accepts no new connections. Responds to requests under way, and to those that clients send on open connections before
   * they learn that the host stops; then closes each connection.
   *
   * @param limitMs then it cuts off open connections
   */
  stop(limitMs: number): Promise<void>;
}

/** Makes the listener, which does not listen yet. */
export function createListener(options: ListenerOptions): HttpListener {
  const httpFunctions = options.functions.filter((definition) => definition.kind === "http");
  const route = createRouter(httpFunctions);
  const byName = new Map(httpFunctions.map((definition) => [definition.name, definition]));
  const underWay = new Set<ServerResponse>();
  let outstanding = 0;
  let isStopping = false;

  // Node's strict parser refuses requests that Kestrel accepts. request-rules.ts refuses what Kestrel refuses.
  const lenient = { insecureHTTPParser: true, maxHeaderSize: MAX_PARSED_HEADER_BYTES, keepAliveTimeout: KEEP_ALIVE_MS };
  const server = createServer(lenient, (request, response) => {
    underWay.add(response);
    response.on("close", () => underWay.delete(response));
    if (isStopping) response.shouldKeepAlive = false;
    handle(request, response).catch(() => {
      // The body is too long, the client broke off while it sent it, or the response cannot be written as HTTP.
      if (response.headersSent) response.destroy();
      else respondEmpty(response, 500);
    });
  });
  server.maxHeadersCount = 0; // Otherwise Node silently drops further headers.
  // Without a listener, Node closes the connection. No function has this method.
  server.on("connect", (request, socket) => {
    const status = refusalOf(request) ?? 404;
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  return { listen: (port) => bind(server, port), stop };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      response.shouldKeepAlive = false;
      respondEmpty(response, refusal);
      return;
    }
    const target = (request.url ?? "").replace(/^https?:\/\/[^/?#]+/i, "").replace(/^(?!\/)/, "/");
    const queryAt = target.includes("?") ? target.indexOf("?") : target.length;
    const path = removeDotSegments(decodePath(target.slice(0, queryAt)));
    const query = target.slice(queryAt);
    if (outstanding >= options.maxOutstandingRequests && !/^\/admin(?:\/|$)/i.test(path)) {
      respondEmpty(response, 429);
      return;
    }
    const match = route(request.method ?? "", path);
    const definition = byName.get(match?.name ?? "");
    if (match === undefined || definition === undefined) {
      await respondAsHost(options, path, query, request, response);
    } else if (definition.needsKey && !hasKey(options, request, query)) {
      respondEmpty(response, 401);
    } else if (definition.isDisabled && !(options.masterKey !== undefined && hasKey(options, request, query))) {
      // As on the real host: only the master key calls a disabled function, so nobody does where keys are not enforced.
      respondEmpty(response, 404);
    } else {
      outstanding += 1;
      try {
        await callFunction(definition, match, path, query, request, response);
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
    // As on the real host, the function gets no chunked body, only one with a Content-Length.
    const isChunked = request.headers["transfer-encoding"] !== undefined;
    const length = isChunked ? 0 : Number(request.headers["content-length"] ?? 0);
    const body = length > 0 ? await readBody(request, options.maxBodyBytes) : undefined;
    const { traceparent, tracestate } = request.headers;
    const { result, returnValue, outputData } = await options.invoker.run({
      definition,
      input: { http: toRpcRequest(request, path, query, match.params, body) },
      reason: CALLED_BY_API,
      traceContext: continueTrace(toText(traceparent), toText(tracestate)),
    });
    if (result.status === "failure") {
      respondEmpty(response, 500);
      return;
    }
    const output = outputData?.find(({ name }) => name === definition.output)?.data ?? returnValue;
    if (output?.http?.cookies !== undefined && output.http.cookies.length > 0) {
      options.log("error", `Function.${definition.name}`, `A response with cookies ${NOT_SUPPORTED}.`);
      respondEmpty(response, 500);
      return;
    }
    writeRpcResponse(response, output?.http ?? undefined);
  }

  async function stop(limitMs: number): Promise<void> {
    isStopping = true;
    for (const response of underWay) response.shouldKeepAlive = false;
    const closed = once(server, "close");
    // An HTTP server's close() also cuts off idle connections, on which a client may be sending its next request.
    NetServer.prototype.close.call(server);
    await within(LAST_REQUESTS_MS, closed);
    server.close();
    await within(limitMs, closed);
    server.closeAllConnections();
  }
}

function respondEmpty(response: ServerResponse, status: number): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(status, { "content-length": 0 }).end();
}

function toText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}
