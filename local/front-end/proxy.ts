import { type Agent, type IncomingMessage, request as httpRequest, type ServerResponse } from "node:http";
import { pipeline } from "node:stream";
import { answerUnacceptable, answerUnavailable, FORBIDDEN_IP_HEADER } from "./responses.ts";
import { countOf, endToEnd, type RawHeaders, valuesOf, without } from "./raw-headers.ts";

export interface ProxyTarget {
  /** The app's port on 127.0.0.1. */
  readonly port: number;
  /** Keeps connections to the app open between requests. */
  readonly agent: Agent;
}

/**
 * Passes an admitted request on to the app and its answer back, streaming both ways. Headers keep their order, case
 * and repetitions; only those of one connection (RFC 9110 section 7.6.1) are left out, so an `Upgrade` is ignored
 * (section 7.8). A side that breaks off ends the other.
 */
export function forward(
  request: IncomingMessage,
  response: ServerResponse,
  target: ProxyTarget,
  address: string,
): void {
  if (countOf(request.rawHeaders, "host") > 1) {
    answerUnacceptable(response, 400, "The request names more than one host.");
    return;
  }
  const transferCoding = request.headers["transfer-encoding"];
  if (transferCoding !== undefined && transferCoding.toLowerCase() !== "chunked") {
    answerUnacceptable(response, 501, "The only transfer coding known here is chunked.");
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
  upstream.flushHeaders(); // the app sees a request whose body is slow to come, or waits for "100 Continue"
  upstream.on("continue", () => {
    response.writeContinue();
  });
  upstream.on("response", (answer) => {
    const status = answer.statusCode ?? 0;
    if (status < 200) {
      upstream.destroy(); // no status of HTTP: answered below
      return;
    }
    // The app's reason phrase stays behind: it means nothing (RFC 9112 section 4), and "Ip Forbidden" is not for it to say.
    response.writeHead(status, responseHeaders(answer));
    response.flushHeaders();
    pipeline(answer, response, () => undefined); // destroys the client's connection when the app breaks off
  });
  let unavailable: 502 | 503 = 502;
  upstream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.syscall === "connect") unavailable = 503;
  });
  upstream.on("close", () => {
    if (!response.headersSent) answerUnavailable(response, unavailable);
  });
  response.on("close", () => {
    upstream.destroy(); // the client is gone or has its answer: nobody waits for the app any more
  });
  request.pipe(upstream);
}

/** The front end speaks for the connection: it appends to `X-Forwarded-For` (as `address:port`) and sets `X-Forwarded-Proto`. */
function requestHeaders(request: IncomingMessage, address: string): string[] {
  const host = address.includes(":") ? `[${address}]` : address;
  const seen = `${host}:${request.socket.remotePort ?? 0}`;
  const kept = endToEnd(request.rawHeaders);
  return [
    ...without(kept, "x-forwarded-for", "x-forwarded-proto"),
    ...framing(request),
    ...["X-Forwarded-For", [...valuesOf(kept, "x-forwarded-for"), seen].join(", ")],
    ...["X-Forwarded-Proto", "http"],
  ];
}

/** A body is framed towards the app as it came; a request without one must not be taken for a chunked one. */
function framing(request: IncomingMessage): RawHeaders {
  if (request.headers["transfer-encoding"] !== undefined) return ["Transfer-Encoding", "chunked"];
  if (request.headers["content-length"] !== undefined) return [];
  return request.method === "GET" || request.method === "HEAD" ? [] : ["Content-Length", "0"];
}

/** An app could claim to be the front end; the header that tells the two apart is not for it to set. */
function responseHeaders(answer: IncomingMessage): string[] {
  const chunked = answer.headers["transfer-encoding"] !== undefined;
  return [
    ...without(endToEnd(answer.rawHeaders), FORBIDDEN_IP_HEADER),
    ...(chunked ? ["Transfer-Encoding", "chunked"] : []),
  ];
}
