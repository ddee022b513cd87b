/** A proxy that makes requests fail, and the rule that decides which ones fail by the active faults. */
import { readFile } from "node:fs/promises";
import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
  type ServerResponse,
} from "node:http";
import { request as httpsRequest } from "node:https";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { listen, type Listener } from "../tools/listen.ts";
import { type Fault, type Part, randomFrom } from "./plan.ts";

/** What the proxy does with a request. */
export type Interference =
  | { readonly kind: "none" }
  /** The proxy responds, and the target gets no request. */
  | { readonly kind: "refuse"; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** The target handles the request; the proxy then breaks the connection. */
  | { readonly kind: "lose" }
  /** The target handles the request; the proxy replaces the status of the response. */
  | { readonly kind: "replace"; readonly status: number }
  /** The proxy delays the response. */
  | { readonly kind: "delay"; readonly byMs: number }
  /** There is no response, and the target gets no request. */
  | { readonly kind: "drop" };

export interface FaultyProxyOptions {
  /** The ports of the targets on 127.0.0.1. They take turns. */
  readonly targets: readonly number[];
  /** The port of the proxy; a free one if not given. */
  readonly port?: number;
  /** PEM texts, for HTTPS on both sides. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly ca: string };
  readonly interfere: (request: IncomingMessage) => Interference;
}

/**
 * The local certificate, for a proxy that clients take for the part behind it.
 *
 * @param folder that of the local system
 */
export async function certificatesOf(folder: string): Promise<NonNullable<FaultyProxyOptions["tls"]>> {
  const read = (name: string): Promise<string> => readFile(join(folder, "certificates", "localhost", name), "utf8");
  const [cert, key, ca] = await Promise.all([read("cert.pem"), read("key.pem"), read("ca.pem")]);
  return { cert, key, ca };
}

/** Starts a proxy on 127.0.0.1 whose targets take turns. */
export function startFaultyProxy({ targets, port = 0, tls, interfere }: FaultyProxyOptions): Promise<Listener> {
  let turn = 0;
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const interference = interfere(request);
    const body = await buffer(request);
    if (interference.kind === "drop") return;
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
    const received = await exchange(tls, options, body);
    if (interference.kind === "lose") {
      response.destroy();
      return;
    }
    const status = interference.kind === "replace" ? interference.status : received.status;
    const send = (): void => {
      const { "transfer-encoding": _, connection: __, ...headers } = received.headers;
      response.writeHead(status, { ...headers, "content-length": received.body.length }).end(received.body);
    };
    if (interference.kind === "delay") setTimeout(send, interference.byMs);
    else send();
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    // The target is down: the status of a front end.
    handle(request, response).catch(() => {
      if (response.headersSent || response.destroyed) response.destroy();
      else response.writeHead(502, { "Content-Length": 0 }).end();
    });
  };
  return listen(port, listener, tls);
}

interface Received {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

async function exchange(tls: FaultyProxyOptions["tls"], options: RequestOptions, body: Buffer): Promise<Received> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request: ClientRequest = tls === undefined ? httpRequest(options) : httpsRequest({ ...options, ca: tls.ca });
    request.on("response", resolve).on("error", reject).end(body);
  });
  return { status: response.statusCode ?? 502, headers: response.headers, body: await buffer(response) };
}

/** The active faults, and their effect on requests. */
export interface ActiveFaults {
  readonly active: Set<Fault>;
  /** How many requests each fault has affected, by its name. */
  readonly hits: ReadonlyMap<string, number>;
  /** The effect on a request to the callee. */
  callee(): Interference;
  /** The effect on a request to storage. */
  storage(request: IncomingMessage): Interference;
}

/** Longer than the service client waits for a response. */
const SLOW_MS = 7_000;

const none: Interference = { kind: "none" };

/** @param accounts the names of the storage accounts */
export function activeFaults(seed: number, accounts: Readonly<Record<Part, string>>): ActiveFaults {
  const active = new Set<Fault>();
  const hits = new Map<string, number>();
  const random = randomFrom(seed);
  const hit = (name: string, interference: Interference): Interference => {
    hits.set(name, (hits.get(name) ?? 0) + 1);
    return interference;
  };
  return {
    active,
    hits,
    callee() {
      for (const fault of active) {
        if (fault.kind !== "callee" || random() >= fault.rate) continue;
        const retryAfter = { "Retry-After": "1" };
        if (fault.how === "429") return hit("callee 429", { kind: "refuse", status: 429, headers: retryAfter });
        if (fault.how === "lost") return hit("callee's response lost", { kind: "lose" });
        return hit("callee slow", { kind: "delay", byMs: SLOW_MS });
      }
      return none;
    },
    storage({ url = "" }) {
      for (const fault of active) {
        if (fault.kind !== "storage" || !url.startsWith(`/${accounts[fault.of]}/`) || random() >= fault.rate) continue;
        const name = `storage ${fault.how}`;
        if (fault.how === "timeout") return hit(name, { kind: "drop" });
        if (fault.how === "done-500") return hit(name, { kind: "replace", status: 500 });
        return hit(name, { kind: "refuse", status: Number(fault.how) });
      }
      return none;
    },
  };
}
