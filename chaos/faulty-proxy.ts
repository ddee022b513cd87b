import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { buffer } from "node:stream/consumers";
import { listen, type Listener } from "../tools/listen.ts";

/** What happens to a request on its way. */
export type Interference =
  | { readonly kind: "none" }
  /** Answered in place of the target. */
  | { readonly kind: "refuse"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Passed on and done; the connection then breaks. */
  | { readonly kind: "lose" }
  /** Passed on and done; then answered with this status. */
  | { readonly kind: "spoil"; readonly status: number }
  /** Passed on; its answer comes so much later, in milliseconds. */
  | { readonly kind: "delay"; readonly by: number }
  /** Never answered, and not passed on. */
  | { readonly kind: "swallow" };

export interface FaultyProxyOptions {
  /** The target's port on 127.0.0.1: several where they take turns. */
  readonly targets: readonly number[];
  /** 0, or none given, is any free port. */
  readonly port?: number;
  /** PEM texts, for HTTPS on both sides. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly interfere: (request: IncomingMessage) => Interference;
}

/** A proxy on 127.0.0.1 that lets its targets take turns, and lets requests go wrong. */
export function startFaultyProxy({ targets, port = 0, tls, interfere }: FaultyProxyOptions): Promise<Listener> {
  let turn = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const interference = interfere(request);
    const body = await buffer(request);
    if (interference.kind === "swallow") return;
    if (interference.kind === "refuse") {
      response.writeHead(interference.status, { ...interference.headers, "Content-Length": 0 }).end();
      return;
    }
    const target = targets[turn++ % targets.length] ?? 0;
    const options = {
      host: "127.0.0.1",
      port: target,
      method: request.method,
      path: request.url,
      headers: request.headers,
    };
    const answer = await exchange(tls, options, body);
    if (interference.kind === "lose") {
      response.destroy();
      return;
    }
    const status = interference.kind === "spoil" ? interference.status : answer.status;
    const send = (): void => {
      const { "transfer-encoding": _, connection: __, ...headers } = answer.headers;
      response.writeHead(status, { ...headers, "content-length": answer.body.length }).end(answer.body);
    };
    if (interference.kind === "delay") setTimeout(send, interference.by);
    else send();
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // A target that is down: as a front end says it.
    handle(request, response).catch(() => {
      if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(502, { "Content-Length": 0 }).end();
    });
  };
  return listen(port, listener, tls);
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function exchange(tls: FaultyProxyOptions["tls"], options: RequestOptions, body: Buffer): Promise<Answer> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const request: ClientRequest = tls === undefined ? httpRequest(options) : httpsRequest({ ...options, ca: tls.ca });
    request.on("response", resolve).on("error", reject).end(body);
  });
  return { status: answer.statusCode ?? 502, headers: answer.headers, body: await buffer(answer) };
}
