import { operations as ofCallee } from "../../matrix/operations.ts";
import type { Operation } from "../../report/report.ts";
import { policy } from "../scene.ts";

const CALLER = "caller-func";

/** The caller's own operations. Who may use them is for its ingress ranges and its function keys to say. */
const ofCaller: readonly Operation[] = [
  { id: "list-orders", service: CALLER, method: "GET", route: "/api/orders", role: null },
  { id: "place-order", service: CALLER, method: "POST", route: "/api/orders", role: null },
  { id: "get-order", service: CALLER, method: "GET", route: "/api/orders/{orderId}", role: null },
];

/** Every site's deployment side; a service of which no operation is known is asked for its front page. */
export function allOperations(): readonly Operation[] {
  const services = Object.keys(policy.services);
  const known = [...ofCallee, ...ofCaller].filter(({ service }) => services.includes(service));
  const pages = services
    .filter((service) => !known.some((operation) => operation.service === service))
    .map((service) => ({ id: `page-${service}`, service, method: "GET", route: "/", role: null }));
  return [...known, ...pages, ...services.map(scmOperation)];
}

export function scmOperation(service: string): Operation {
  return { id: `scm-${service}`, service, method: "GET", route: "/api/environment (SCM site)", role: null };
}
