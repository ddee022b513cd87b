/** The operations of a deployment, and the calls that only a machine within its network could make. */
import { apiNames } from "@restricted-calls/shared/access-policy";
import { isApi } from "@restricted-calls/shared/access-policy";
import { callersOf } from "../../model/callers.ts";
import { expectedOutcome, successOf } from "../../model/expectations.ts";
import { asOperation, type HostOperation, hostOperationsOf } from "../../model/host-operations.ts";
import { everyOperation, operations } from "../../model/operations.ts";
import { originsOf } from "../../model/origins.ts";
import type { PlannedCall } from "../../model/plan.ts";
import { isOfPolicy, policy } from "../../model/policy.ts";
import type { Operation } from "../../model/report.ts";
import { notMade, plannedCall } from "./context.ts";

/** The operations of every service, of its Functions host and of its SCM site. Services with roles come first. */
export function allOperations(): readonly Operation[] {
  const services = Object.keys(policy.services).toSorted((a, b) => Number(isApi(policy, b)) - Number(isApi(policy, a)));
  return services.flatMap((service) => [
    ...(isApi(policy, service)
      ? everyOperation(service)
      : [...mainOperations(service), ...readingHostOperations(service).map(asOperation)]),
    scmOperation(service),
  ]);
}

/** What the app itself offers. */
export function mainOperations(service: string): Operation[] {
  return operations.filter((operation) => operation.service === service);
}

/** Only those that read: a call that is let in by mistake must start nothing. The ids are those of the matrix. */
export function readingHostOperations(service: string): readonly HostOperation[] {
  return hostOperationsOf(service).filter(({ method }) => method === "GET");
}

export function scmOperation(service: string): Operation {
  return { id: `scm-${service}`, service, method: "GET", route: "/api/environment (SCM site)", role: null };
}

const NOT_FROM_HERE =
  "Not possible from here: it needs a machine in that network. The local verification makes the same call. On the deployment, " +
  "the configuration checks compare the restrictions with the template, and --probe makes calls without a token from another subnet.";

/**
 * Calls from the networks of callers. This machine cannot make them.
 *
 * @param made those that a probe makes in their place
 */
export function callsFromSubnets(made: readonly PlannedCall[] = []): PlannedCall[] {
  const isMade = new Set(made.map(({ id }) => id));
  return apiNames(policy)
    .flatMap(everyOperation)
    .flatMap((operation) =>
      originsOf(policy, operation.service)
        .filter(({ callerOf }) => callerOf !== null)
        .flatMap((origin) =>
          callersOf(policy, operation.service)
            .filter(({ id }) => ["no-token", "master-key"].includes(id) || isOfPolicy(id))
            .map(({ id, standing: caller }) => {
              const success = successOf(operation, caller);
              const expected = expectedOutcome({ policy, layers: "both", operation, origin, caller, success });
              return plannedCall(operation.id, origin.id, id, expected, () => Promise.resolve(notMade(NOT_FROM_HERE)));
            }),
        ),
    )
    .filter(({ id }) => !isMade.has(id));
}
