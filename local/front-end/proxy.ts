/** The way of an allowed request to the app, and of the response back. */
import { type Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { respondUnacceptable, respondUnavailable, FORBIDDEN_IP_HEADER } from "./responses.ts";
import { countOf, endToEnd, type RawHeaders, valuesOf, without } from "./raw-headers.ts";

export interface ProxyTarget {
  /** The app's port on 127.0.0.1. */
  readonly port: number;
  /** Keeps connections to the app open between requests. */
  readonly agent: Agent;
}

/**
 * Forwards an allowed request to the app and the response back, and streams both bodies. Headers keep their order, case and
 * repetitions; hop-by-hop headers (RFC 9110 section 7.6.1) are left out, so an `Upgrade` is ignored (section 7.8). When one
 * side breaks off, so does the other.
 */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  target: ProxyTarget,
  address: string,
): void {
  if (countOf(request.rawHeaders, "host") > 1) {
    respondUnacceptable(response, 400, "The request names more than one host.");
    return;
  }
  const transferCoding = request.headers["transfer-encoding"];
  if (transferCoding !== undefined && transferCoding.toLowerCase() !== "chunked") {
    respondUnacceptable(response, 501, "The only transfer coding supported here is chunked.");
    return;
  }

  const upstream = httpRequest({
    host: "127.0.0.1",
    port: target.port,
    agent: target.agent,
    method: request.method,
    path: request.url,
    headers: requestHeaders(request, address),
  });
  upstream.flushHeaders(); // so that the app gets the headers before a slow body, or one that waits for "100 Continue"
  upstream.on("continue", () => {
    response.writeContinue();
  });
  upstream.on("response", (fromApp) => {
    const status = fromApp.statusCode ?? 0;
    if (status < 200) {
      upstream.destroy(); // not a final status: the "close" event below responds
      return;
    }
    // Without the app's reason phrase, which means nothing (RFC 9112 section 4): only the front end says "Ip Forbidden".
    response.writeHead(status, responseHeaders(fromApp));
    response.flushHeaders();
    pipeline(fromApp, response, () => undefined); // destroys the client's connection when the app breaks off
  });
  let unavailable: 502 | 503 = 502;
  upstream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.syscall === "connect") unavailable = 503;
  });
  upstream.on("close", () => {
    if (!response.headersSent) respondUnavailable(response, unavailable);
  });
  response.on("close", () => {
    upstream.destroy(); // the client is gone or has its response
  });
  request.pipe(upstream);
}

/** The front end appends the client to `X-Forwarded-For` (as `address:port`) and sets `X-Forwarded-Proto`. */
function requestHeaders(request: IncomingMessage, address: string): string[] {
  const host = address.includes(":") ? `[${address}]` : address;
  const client = `${host}:${request.socket.remotePort ?? 0}`;
  const kept = endToEnd(request.rawHeaders);
  return [
    ...without(kept, "x-forwarded-for", "x-forwarded-proto"),
    ...framing(request),
    ...["X-Forwarded-For", [...valuesOf(kept, "x-forwarded-for"), client].join(", ")],
    ...["X-Forwarded-Proto", "http"],
  ];
}

/** Frames the body as the client did. Node would send a request without a body as a chunked one. */
function framing(request: IncomingMessage): RawHeaders {
  if (request.headers["transfer-encoding"] !== undefined) return ["Transfer-Encoding", "chunked"];
  if (request.headers["content-length"] !== undefined) return [];
  return request.method === "GET" || request.method === "HEAD" ? [] : ["Content-Length", "0"];
}

/** Without the header by which clients recognize a refusal of the front end. */
function responseHeaders(fromApp: IncomingMessage): string[] {
  const chunked = fromApp.headers["transfer-encoding"] !== undefined;
  return [
    ...without(endToEnd(fromApp.rawHeaders), FORBIDDEN_IP_HEADER),
    ...(chunked ? ["Transfer-Encoding", "chunked"] : []),
  ];
}
