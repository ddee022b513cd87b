/** The callee's operations, and a call of each that succeeds. */
import type { HostedFunction } from "../../local/index.ts";
import type { Operation } from "./report.ts";
import { asOperation, hostOperationsOf } from "./host-operations.ts";

const SERVICE = "callee-func";

/** What the callee offers. The access policy names roles, not operations: a new operation is added here too. */
export const operations: readonly Operation[] = [
  { id: "health", service: SERVICE, method: "GET", route: "/api/health", role: null },
  { id: "get-stock", service: SERVICE, method: "GET", route: "/api/inventory/{sku}", role: "Inventory.Read" },
  {
    id: "reserve-stock",
    service: SERVICE,
    method: "PUT",
    route: "/api/reservations/{orderId}",
    role: "Inventory.Reserve",
  },
  { id: "set-stock", service: SERVICE, method: "PUT", route: "/api/inventory/{sku}", role: "Inventory.Manage" },
];

export const hostOperations = hostOperationsOf(SERVICE);

/** All that can be asked of the callee. */
export const everyOperation: readonly Operation[] = [...operations, ...hostOperations.map(asOperation)];

/**
 * Holds the list against an app: what nobody calls is not proven to be restricted.
 *
 * @param functions the app's, as its host has them; timers have no route
 * @throws Error that names what can be called by HTTP and is not in the list
 */
export function requireAllListed(functions: readonly HostedFunction[]): void {
  const offered = functions.flatMap(({ name, route, methods = ["any method"] }) =>
    route === undefined ? [] : methods.map((method) => ({ name, call: `${method} /${route}` })),
  );
  const listed = new Set(operations.map(({ method, route }) => withoutNames(`${method} ${route}`)));
  const unlisted = offered.filter(({ call }) => !listed.has(withoutNames(call)));
  if (unlisted.length === 0) return;
  const names = unlisted.map(({ name, call }) => `${name} (${call})`).join(", ");
  throw new Error(`The proof would leave out what the app offers: ${names}. Add it to verify/model/operations.ts.`);
}

/** A route's parameters are the same whatever they are called. */
function withoutNames(call: string): string {
  return call.replace(/\{[^}]*\}/g, "{}").toLowerCase();
}

/** The operation that every attack tries, with all but its token right. */
export const attackedOperation = operationOf("get-stock");

/** The operation that makes, once, what the others need to succeed. */
export const preparation = operationOf("set-stock");

/** A call that succeeds, for a caller who may make it. */
export interface SampleCall {
  readonly path: string;
  readonly body?: object;
  /** The HTTP status of its success. */
  readonly status: number;
}

/** A call of the host itself: it starts a function that asks for nothing, if any. */
export function hostCallOf({ method, route }: Operation): Pick<SampleCall, "path" | "body"> {
  return { path: route.replace("{name}", "health"), ...(method === "POST" && { body: { input: "" } }) };
}

/** @param unique never the same for two calls of one system */
export function sampleCallOf(operation: string, unique: string): SampleCall {
  const sample = samples[operation];
  if (sample === undefined) throw new Error(`verify/model/operations.ts has no sample call of ${operation}.`);
  return sample(unique);
}

/** Stock of its own: what a running system has is left alone. */
const SKU = "verify";
const PLENTY = 1_000_000;

const samples: Readonly<Record<string, (unique: string) => SampleCall>> = {
  health: () => ({ path: "/api/health", status: 200 }),
  "get-stock": () => ({ path: `/api/inventory/${SKU}`, status: 200 }),
  "reserve-stock": (unique) => ({
    path: `/api/reservations/verify-${unique}`,
    body: { sku: SKU, quantity: 1 },
    status: 201,
  }),
  "set-stock": () => ({ path: `/api/inventory/${SKU}`, body: { onHand: PLENTY }, status: 200 }),
};

function operationOf(wanted: string): Operation {
  const operation = operations.find(({ id }) => id === wanted);
  if (operation === undefined) throw new Error(`There is no operation ${wanted}.`);
  return operation;
}
