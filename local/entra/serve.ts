import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import type { Endpoint, Faults } from "./faults.ts";
import { readBody, send, type Answer, type Request } from "./http.ts";

/** What answers at a path. */
export interface Route {
  readonly method: "GET" | "POST";
  readonly answer: (request: Request) => Answer | Promise<Answer>;
  /** Set where requests are counted and can be made to fail. */
  readonly endpoint?: Endpoint;
  /** The endpoint's own form of "it is not you, it is us". */
  readonly failure?: () => Answer;
}

const slowness = 30_000; // milliseconds

/** Serves the routes that `find` gives for a path. */
export function serve(find: (path: string) => Route | undefined, faults: Faults): RequestListener {
  return (request, response) => {
    respond(find, faults, request, response).catch(() => {
      // The client has gone, or something here is broken: neither may end the process.
      if (response.headersSent) response.destroy();
      else send(response, problem(500, "Internal Server Error", "The local Entra failed to answer this request."));
    });
  };
}

/** RFC 9457. */
export function problem(status: number, title: string, detail: string): Answer {
  const body = { type: "about:blank", title, status, detail };
  return { status, text: JSON.stringify(body), headers: { "Content-Type": "application/problem+json" } };
}

async function respond(
  find: (path: string) => Route | undefined,
  faults: Faults,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = URL.parse(`http://localhost${request.url ?? "/"}`);
  const route = url && find(url.pathname);
  if (!route) {
    send(response, problem(404, "Not Found", "The local Entra has nothing at this path."));
    return;
  }
  if (route.endpoint && (await failed(route.endpoint, route, faults, response))) return;
  const method = request.method ?? "GET";
  if (method !== route.method) {
    const refused = problem(405, "Method Not Allowed", `Use ${route.method} here.`);
    send(response, { ...refused, headers: { ...refused.headers, Allow: route.method } });
    return;
  }
  const body = await readBody(request);
  send(
    response,
    body === undefined
      ? problem(413, "Content Too Large", "The request body is larger than 64 KiB.")
      : await route.answer({ method, url, headers: request.headers, body }),
  );
}

async function failed(endpoint: Endpoint, route: Route, faults: Faults, response: ServerResponse): Promise<boolean> {
  const mode = faults.arrived(endpoint);
  switch (mode) {
    case "ok":
      return false;
    case "down":
      response.destroy();
      return true;
    case "slow":
      return !(await waited(response));
    case "error":
      send(response, route.failure?.() ?? problem(500, "Internal Server Error", "A fault was asked for."));
      return true;
    case "garbage":
      send(response, {
        status: 200,
        text: "<!DOCTYPE html><title>Welcome</title>",
        headers: { "Content-Type": "text/html" },
      });
      return true;
  }
}

/** Whether the connection was still there at the end of the wait. */
async function waited(response: ServerResponse): Promise<boolean> {
  const gone = new AbortController();
  const abort = (): void => {
    gone.abort();
  };
  response.once("close", abort);
  const inTime = await wait(slowness, true, { signal: gone.signal }).catch(() => false);
  response.off("close", abort);
  return inTime;
}
