import type { Operation } from "./report.ts";

/** What the Functions host answers itself, before any function: the guard never sees it. */
export interface HostOperation extends Operation {
  /** The HTTP status, with an empty body, without the host's master key and with it. No token counts. */
  readonly answers: readonly [withoutKey: number, withKey: number];
}

/** What the platform itself asks without a key. */
const OPEN = [200, 200] as const;
/** With the master key it is the isolation that refuses. */
const ADMINISTRATORS = [401, 403] as const;

/**
 * The host's own endpoints as a site of the templates has them: keys enforced, isolated, without a home page. Each was tried
 * on the host itself, 4.1037.
 */
const endpoints: readonly (readonly [name: string, endpoint: string, answers: HostOperation["answers"]])[] = [
  ["ping", "GET /admin/host/ping", OPEN],
  ["warmup", "GET /admin/warmup", OPEN],
  ["http-health", "GET /admin/instance/http-health", OPEN],
  ["home", "GET /", [204, 204]],
  ["status", "GET /admin/host/status", ADMINISTRATORS],
  ["functions", "GET /admin/functions", ADMINISTRATORS],
  ["keys", "GET /admin/host/keys", ADMINISTRATORS],
  ["config", "GET /admin/host/config", ADMINISTRATORS],
  ["instance", "GET /admin/instance/info", ADMINISTRATORS],
  ["start", "POST /admin/functions/{name}", ADMINISTRATORS],
  ["restart", "POST /admin/host/restart", ADMINISTRATORS],
  ["files", "GET /admin/vfs/", [401, 401]],
  ["webhooks", "GET /runtime/webhooks/x", [401, 404]],
];

/** One of them as any other operation. */
export function asOperation({ answers: _answers, ...operation }: HostOperation): Operation {
  return operation;
}

/** Of each service: every function app has them. */
export function hostOperationsOf(service: string, prefix = "host-"): HostOperation[] {
  return endpoints.map(([name, endpoint, answers]) => {
    const [method = "", route = ""] = endpoint.split(" ");
    return { id: `${prefix}${name}`, service, method, route, role: null, by: "host", answers };
  });
}
