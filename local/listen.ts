import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";

export interface Listener {
  readonly port: number;
  /** Ends every connection at once. */
  stop(): Promise<void>;
}

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

function explained(error: Error, port: number): Error {
  if (!("code" in error) || error.code !== "EADDRINUSE") return error;
  return new Error(
    `Port ${port} on 127.0.0.1 is taken: end the program that listens there, or choose another port (0 takes a free one).`,
    { cause: error },
  );
}
