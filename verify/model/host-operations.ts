/** The endpoints of the Functions host. It responds before any function: the guard does not see these calls. */
import { apiNames } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import type { Operation } from "./report.ts";

export interface HostOperation extends Operation {
  /** The HTTP status without the host's master key and with it. The body is empty. The host ignores tokens. */
  readonly responses: readonly [withoutKey: number, withKey: number];
}

/** The platform calls these without a key. */
const OPEN = [200, 200] as const;
/** With the master key, the isolation refuses. */
const ADMINISTRATORS = [401, 403] as const;

/** With the settings of the template: keys enforced, isolated, without a home page. Measured with host 4.1037. */
const endpoints: readonly (readonly [name: string, endpoint: string, responses: HostOperation["responses"]])[] = [
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

export function asOperation({ responses: _, ...operation }: HostOperation): Operation {
  return operation;
}

/** Every function app has them. The ids of those of the first service with roles do not name it. */
export function hostOperationsOf(service: string): HostOperation[] {
  const prefix = service === apiNames(accessPolicy)[0] ? "host-" : `host-${service}-`;
  return endpoints.map(([name, endpoint, responses]) => {
    const [method = "", route = ""] = endpoint.split(" ");
    return { id: `${prefix}${name}`, service, method, route, role: null, by: "host", responses };
  });
}
