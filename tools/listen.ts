/** Listens on a port of this machine, and explains why a port cannot be used. */
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server, Socket } from "node:net";

export interface Listener {
  readonly port: number;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

/** Listens on 127.0.0.1 only: over HTTPS if there is a certificate, else over HTTP. Port 0 means a free one. */
export async function listen(
  port: number,
  listener: RequestListener,
  certificate?: { readonly cert: string; readonly key: string },
): Promise<Listener> {
  return serve(certificate ? createHttpsServer(certificate, listener) : createHttpServer(listener), port);
}

/**
 * As `listen`, for a server of the caller's.
 *
 * @param name what listens, for the error where the port cannot be used
 */
export async function serve(server: Server, port: number, name?: string): Promise<Listener> {
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  const bound = await bind(server, port, name);
  const stop = (): Promise<void> =>
    new Promise((stopped) => {
      server.close(() => {
        stopped();
      });
      for (const socket of sockets) socket.destroy();
    });
  return { port: bound, stop };
}

/**
 * Binds a server to 127.0.0.1.
 *
 * @returns the port
 * @throws Error as `cannotListen` says
 */
export async function bind(server: Server, port: number, name?: string): Promise<number> {
  await new Promise<void>((started, failed) => {
    server.once("error", (error) => {
      const what = name === undefined ? port : `${port} (${name})`;
      failed(new Error(cannotListen(causeOf(error), what), { cause: error }));
    });
    server.listen(port, "127.0.0.1", started);
  });
  return (server.address() as AddressInfo).port;
}

/** The error code of the operating system, such as EADDRINUSE. */
export type Cause = string;

export function causeOf(error: unknown): Cause {
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/**
 * Says why a port of 127.0.0.1 cannot be used, and what to do.
 *
 * @param ports the port, or several with the same cause
 */
export function cannotListen(cause: Cause, ports: string | number): string {
  const others = "or use other ports: npm start -- --port <first>, or --free-ports";
  switch (cause) {
    case "EADDRINUSE":
      return `In use by another program: port ${ports}. Is the system running already, in this clone or another? End it, ${others}.`;
    case "EACCES":
      // https://learn.microsoft.com/windows/win32/winsock/windows-sockets-error-codes-2 (WSAEACCES)
      return (
        `This user may not open port ${ports}: the operating system reserves it (on Windows, ` +
        `"netsh interface ipv4 show excludedportrange protocol=tcp" lists such ranges; elsewhere the lowest ports are ` +
        `for root). Use other ports: npm start -- --port <first>, or --free-ports.`
      );
    case "EADDRNOTAVAIL":
      return `127.0.0.1 is no address of this machine, so nothing can listen on port ${ports}: enable the loopback interface (Linux: ip link set lo up).`;
    default:
      return `Cannot listen on port ${ports} of 127.0.0.1: ${cause}.`;
  }
}
