import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

/** A request, its body read to the end. */
export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An answer in JSON, or in the content type its headers name if it is a text. */
export interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Listener {
  readonly port: number;
  /** Ends every connection at once. */
  stop(): Promise<void>;
}

/** Bytes of a request body that are read; one more is a 413. */
const bodyLimit = 64 * 1024;

/** Listens on 127.0.0.1 only: over HTTPS with the certificate given, else over HTTP. Port 0 takes a free one. */
export async function listen(
  port: number,
  listener: RequestListener,
  certificate?: { readonly cert: string; readonly key: string },
): Promise<Listener> {
  const server = certificate ? createHttpsServer(certificate, listener) : createHttpServer(listener);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((started, failed) => {
    server.once("error", (error) => {
      failed(explained(error, port));
    });
    server.listen(port, "127.0.0.1", started);
  });
  const stop = (): Promise<void> =>
    new Promise((stopped) => {
      server.close(() => {
        stopped();
      });
      for (const socket of sockets) socket.destroy();
    });
  return { port: (server.address() as AddressInfo).port, stop };
}

/** The request's body as text, or undefined when it is larger than the limit. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What comes after the limit is read and dropped, so that the client gets to see its answer.
    if (size <= bodyLimit) chunks.push(chunk);
  }
  return size <= bodyLimit ? Buffer.concat(chunks).toString("utf8") : undefined;
}

/** Sends an answer. Nothing that is answered here may be stored. */
export function send(response: ServerResponse, { status, json, text, headers }: Answer): void {
  const body = json === undefined ? (text ?? "") : JSON.stringify(json);
  response.writeHead(status, {
    ...(json !== undefined && { "Content-Type": "application/json; charset=utf-8" }),
    "Cache-Control": "no-store, no-cache",
    ...headers,
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}

function explained(error: Error, port: number): Error {
  if (!("code" in error) || error.code !== "EADDRINUSE") return error;
  return new Error(
    `Port ${port} on 127.0.0.1 is taken: end the program that listens there, or start the local Entra on another port (0 takes a free one).`,
    { cause: error },
  );
}
