/** The operations of a deployment, and the calls that only a machine within its network could make. */
import { callersOf } from "../../model/callers.ts";
import { expectedOutcome, successOf } from "../../model/expectations.ts";
import { asOperation, type HostOperation, hostOperationsOf } from "../../model/host-operations.ts";
import { everyOperation as ofCallee, hostOperations } from "../../model/operations.ts";
import { originsOf } from "../../model/origins.ts";
import type { PlannedCall } from "../../model/plan.ts";
import type { Operation } from "../../model/report.ts";
import { policy } from "../expected.ts";
import { notMade, plannedCall } from "./context.ts";

const CALLER = "caller-func";

/** The caller's operations. Its ingress ranges and function keys decide who may use them. */
const ofCaller: readonly Operation[] = [
  { id: "list-orders", service: CALLER, method: "GET", route: "/api/orders", role: null },
  { id: "place-order", service: CALLER, method: "POST", route: "/api/orders", role: null },
  { id: "get-order", service: CALLER, method: "GET", route: "/api/orders/{orderId}", role: null },
];

/** The known operations of every service, of its Functions host and of its SCM site. */
export function allOperations(): readonly Operation[] {
  const services = Object.keys(policy.services);
  const known = [...ofCallee, ...ofCaller].filter(({ service }) => services.includes(service));
  const ofHosts = services
    .filter((service) => !ofCallee.some((operation) => operation.service === service))
    .flatMap((service) => readingHostOperations(service).map(asOperation));
  return [...known, ...ofHosts, ...services.map(scmOperation)];
}

/** Only those that read: a call that is let in by mistake must start nothing. The callee's ids are those of the matrix. */
export function readingHostOperations(service: string): readonly HostOperation[] {
  const all = hostOperations.some((operation) => operation.service === service)
    ? hostOperations
    : hostOperationsOf(service, `host-${service}-`);
  return all.filter(({ method }) => method === "GET");
}

export function scmOperation(service: string): Operation {
  return { id: `scm-${service}`, service, method: "GET", route: "/api/environment (SCM site)", role: null };
}

const NOT_FROM_HERE =
  "Not possible from here: it needs a machine in that subnet. The local verification makes the same call. On the deployment, " +
  "the configuration checks compare the restrictions with the template.";

/** Calls from within the virtual network. This machine cannot make them. */
export function callsFromSubnets(): PlannedCall[] {
  return ofCallee
    .filter(({ service }) => service in policy.services)
    .flatMap((operation) =>
      originsOf(policy, operation.service)
        .filter(({ subnetOf }) => subnetOf !== null)
        .flatMap((origin) =>
          callersOf(policy, operation.service)
            .filter(({ id }) => ["no-token", "master-key"].includes(id) || id in policy.services)
            .map(({ id, standing: caller }) => {
              const success = successOf(operation, caller);
              const expected = expectedOutcome({ policy, layers: "both", operation, origin, caller, success });
              return plannedCall(operation.id, origin.id, id, expected, () => Promise.resolve(notMade(NOT_FROM_HERE)));
            }),
        ),
    );
}
