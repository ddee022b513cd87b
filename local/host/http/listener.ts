import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse, STATUS_CODES } from "node:http";
import { Server as NetServer } from "node:net";
import { cannotListen, causeOf } from "../../../tools/listen.ts";
import { answerHostsOwn, hasKey, type HostApiOptions } from "../host-api.ts";
import { within } from "../bounded.ts";
import type { HttpFunction } from "../function-definitions.ts";
import { readBody, toRpcRequest, writeRpcResponse } from "./messages.ts";
import { CALLED_BY_API } from "../invocations.ts";
import { refusalOf } from "./request-rules.ts";
import { createRouter, decodePath, removeDotSegments, type RouteMatch } from "./routes.ts";
import { continueTrace } from "../trace-context.ts";

/** Kestrel's time (milliseconds) for an idle connection. */
const KEEP_ALIVE = 130_000;

/** Beyond Node's parser none of our answers is possible: it takes more than any request that is served. */
const PARSER_LIMIT = 1024 * 1024;

/** How long (milliseconds) a stopping host still serves connections on which no request is under way. */
const LAST_REQUESTS = 200;

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
   * Takes no new connections, answers the requests under way, and those that clients send on open connections before they
   * hear of the end, and closes each connection after its answer.
   *
   * @param limit milliseconds after which open connections are cut off
   */
  stop(limit: number): Promise<void>;
}

/** Makes the HTTP side of the host: what its web server refuses, routing, throttling, the way to a function and back. */
export function createListener(options: ListenerOptions): HttpListener {
  const httpFunctions = options.functions.filter((definition) => definition.kind === "http");
  const route = createRouter(httpFunctions);
  const byName = new Map(httpFunctions.map((definition) => [definition.name, definition]));
  const underWay = new Set<ServerResponse>();
  let outstanding = 0;
  let isStopping = false;

  // Node's strict parser refuses what Kestrel takes; what Kestrel refuses is refused by our own rules.
  const lenient = { insecureHTTPParser: true, maxHeaderSize: PARSER_LIMIT, keepAliveTimeout: KEEP_ALIVE };
  const server = createServer(lenient, (request, response) => {
    underWay.add(response);
    response.on("close", () => underWay.delete(response));
    if (isStopping) response.shouldKeepAlive = false;
    handle(request, response).catch(() => {
      // The body is too long, the client went away while it sent it, or the answer cannot be written as HTTP.
      if (response.headersSent) response.destroy();
      else answerEmpty(response, 500);
    });
  });
  server.maxHeadersCount = 0; // None is dropped in silence.
  // Node closes the connection unless somebody listens. No function can be called by this method.
  server.on("connect", (request, socket) => {
    const status = refusalOf(request) ?? 404;
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  });
  return { listen, stop };

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const refusal = refusalOf(request);
    if (refusal !== undefined) {
      response.shouldKeepAlive = false;
      answerEmpty(response, refusal);
      return;
    }
    const target = (request.url ?? "").replace(/^https?:\/\/[^/?#]+/i, "").replace(/^(?!\/)/, "/");
    const queryAt = target.includes("?") ? target.indexOf("?") : target.length;
    const path = removeDotSegments(decodePath(target.slice(0, queryAt)));
    const query = target.slice(queryAt);
    if (outstanding >= options.maxOutstandingRequests && !/^\/admin(?:\/|$)/i.test(path)) {
      answerEmpty(response, 429);
      return;
    }
    const match = route(request.method ?? "", path);
    const definition = byName.get(match?.name ?? "");
    if (match === undefined || definition === undefined) {
      await answerHostsOwn(options, path, query, request, response);
    } else if (definition.needsKey && !hasKey(options, request, query)) {
      answerEmpty(response, 401);
    } else if (definition.isDisabled && !(options.masterKey !== undefined && hasKey(options, request, query))) {
      // As on the real host: the master key calls a disabled function all the same, and where no key is asked for nobody does.
      answerEmpty(response, 404);
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
    // Only a body that announces its length reaches the function: one sent chunked arrives empty, as on the real host.
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
      answerEmpty(response, 500);
      return;
    }
    const output = outputData?.find(({ name }) => name === definition.output)?.data ?? returnValue;
    writeRpcResponse(response, output?.http ?? undefined);
  }

  async function listen(port: number): Promise<number> {
    server.listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch (error) {
      throw new Error(cannotListen(causeOf(error), port), { cause: error });
    }
    const address = server.address();
    return typeof address === "object" && address !== null ? address.port : port;
  }

  async function stop(limit: number): Promise<void> {
    isStopping = true;
    for (const response of underWay) response.shouldKeepAlive = false;
    const closed = once(server, "close");
    // An HTTP server's own close() also cuts idle connections off, on which a client may just be sending its next request.
    NetServer.prototype.close.call(server);
    await within(LAST_REQUESTS, closed);
    server.close();
    await within(limit, closed);
    server.closeAllConnections();
  }
}

function answerEmpty(response: ServerResponse, status: number): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.writeHead(status, { "content-length": 0 }).end();
}

function toText(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(",") : header;
}
