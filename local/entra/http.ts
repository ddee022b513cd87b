/** What all addresses of the local Entra have in common over HTTP: problem documents, a body limit, and faults on request. */
import type { RequestListener } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { getRequestListener, type HttpBindings } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono, type MiddlewareHandler } from "hono";
import { bodyLimit } from "hono/body-limit";
import type { ContentfulStatusCode } from "hono/utils/http-status";

/** A Hono app on Node's HTTP server, with the connection at hand. */
export interface Environment {
  readonly Bindings: HttpBindings;
}

const MAX_BODY_BYTES = 64 * 1024;
const SLOW_MS = 30_000;

/**
 * An app without routes. Clients must not store any of its responses.
 *
 * @param refusalOf the response to an error that a handler throws; 500 where it is undefined
 */
export function createApp(refusalOf: (error: Error, c: Context) => Response | undefined): Hono<Environment> {
  const app = new Hono<Environment>();
  app.use((c, next) => {
    c.header("Cache-Control", "no-store, no-cache");
    return next();
  });
  app.notFound((c) => problem(c, 404, "Not Found", "The local Entra has nothing at this path."));
  app.onError(
    (error, c) =>
      refusalOf(error, c) ?? problem(c, 500, "Internal Server Error", "The local Entra failed to handle this request."),
  );
  return app;
}

/** Serves on Node's HTTP server the app that the function returns at each request. */
export function listenerOf(app: () => Hono<Environment>): RequestListener {
  const respond = getRequestListener((request, env) => app().fetch(request, env));
  return (request, response) => {
    void respond(request, response);
  };
}

/** Refuses a body over 64 KiB with 413. */
export const limitBody: MiddlewareHandler<Environment> = bodyLimit({
  maxSize: MAX_BODY_BYTES,
  onError: (c) => problem(c, 413, "Content Too Large", "The request body is larger than 64 KiB."),
});

/** A problem document (RFC 9457). */
export function problem(c: Context, status: ContentfulStatusCode, title: string, detail: string): Response {
  const body = { type: "about:blank", title, status, detail };
  return c.body(JSON.stringify(body), status, { "Content-Type": "application/problem+json" });
}

/** Responds to a request whose method the path does not have; goes after the routes of that path. */
export function onlyMethod(method: "GET" | "POST") {
  return (c: Context): Response => {
    c.header("Allow", method);
    return problem(c, 405, "Method Not Allowed", `Use ${method} here.`);
  };
}

/** The endpoints whose requests are counted and which can be made to fail. */
export const endpoints = ["keys", "metadata", "token", "managed-identity"] as const;
export type Endpoint = (typeof endpoints)[number];

/**
 * How an endpoint fails: it closes the connection without a response; it responds 30 seconds late; it responds with its own
 * form of a failure, or with 200 and an HTML page, like a captive proxy; or it does not fail.
 */
export const faultModes = ["down", "slow", "error", "garbage", "ok"] as const;
export type FaultMode = (typeof faultModes)[number];

/** Which endpoint fails how, and how many requests each has had. */
export class Faults {
  readonly #modes = new Map<Endpoint, FaultMode>();
  readonly #requests: Record<Endpoint, number> = { keys: 0, metadata: 0, token: 0, "managed-identity": 0 };

  set(endpoint: Endpoint, mode: FaultMode): void {
    this.#modes.set(endpoint, mode);
  }

  get requests(): Readonly<Record<Endpoint, number>> {
    return { ...this.#requests };
  }

  /**
   * Counts each request of an endpoint, and makes it fail in the endpoint's current mode.
   *
   * @param failure the endpoint's own form of a failure
   */
  middleware(endpoint: Endpoint, failure: (c: Context) => Response): MiddlewareHandler<Environment> {
    return async (c, next) => {
      this.#requests[endpoint] += 1;
      switch (this.#modes.get(endpoint) ?? "ok") {
        case "down":
          c.env.outgoing.destroy();
          return RESPONSE_ALREADY_SENT;
        case "slow":
          if (!(await isStillOpenAfter(SLOW_MS, c))) return RESPONSE_ALREADY_SENT;
          break;
        case "error":
          return failure(c);
        case "garbage":
          return c.html("<!DOCTYPE html><title>Welcome</title>");
        case "ok":
      }
      await next();
      return undefined;
    };
  }
}

/** Waits, but not for a client that has gone. */
async function isStillOpenAfter(milliseconds: number, { env: { outgoing } }: Context<Environment>): Promise<boolean> {
  const gone = new AbortController();
  outgoing.once("close", () => {
    gone.abort();
  });
  return await delay(milliseconds, true, { signal: gone.signal }).catch(() => false);
}
