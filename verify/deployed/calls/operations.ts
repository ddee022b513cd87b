import { asOperation, type HostOperation, hostOperationsOf } from "../../model/host-operations.ts";
import { everyOperation as ofCallee, hostOperations } from "../../model/operations.ts";
import type { Operation } from "../../model/report.ts";
import { policy } from "../view.ts";

const CALLER = "caller-func";

/** The caller's own operations. Who may use them is for its ingress ranges and its function keys to say. */
const ofCaller: readonly Operation[] = [
  { id: "list-orders", service: CALLER, method: "GET", route: "/api/orders", role: null },
  { id: "place-order", service: CALLER, method: "POST", route: "/api/orders", role: null },
  { id: "get-order", service: CALLER, method: "GET", route: "/api/orders/{orderId}", role: null },
];

/** Every service's own operations, as far as they are known, what its Functions host answers, and its deployment side. */
export function allOperations(): readonly Operation[] {
  const services = Object.keys(policy.services);
  const known = [...ofCallee, ...ofCaller].filter(({ service }) => services.includes(service));
  const ofHosts = services
    .filter((service) => !ofCallee.some((operation) => operation.service === service))
    .flatMap((service) => readingHostOperations(service).map(asOperation));
  return [...known, ...ofHosts, ...services.map(scmOperation)];
}

/** What only reads: a call that is let in by mistake must start nothing. The callee's have the ids of the matrix. */
export function readingHostOperations(service: string): readonly HostOperation[] {
  const all = hostOperations.some((operation) => operation.service === service)
    ? hostOperations
    : hostOperationsOf(service, `host-${service}-`);
  return all.filter(({ method }) => method === "GET");
}

export function scmOperation(service: string): Operation {
  return { id: `scm-${service}`, service, method: "GET", route: "/api/environment (SCM site)", role: null };
}
