/** The matrix: every call that the local verification makes, with its expected outcome. */
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { typicalOperation } from "../../tools/contracts.ts";
import { callersOf, type Standing } from "../model/callers.ts";
import { expectedOutcome, successOf } from "../model/expectations.ts";
import { everyOperation } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import type { Call } from "../model/plan.ts";
import { apiNames, type Policy } from "@restricted-calls/shared/access-policy";
import { LAYERS_IN_ORDER, type Operation, type Outcome } from "../model/report.ts";

/**
 * For each service with roles: every operation, also those of the Functions host, from every network by every kind of caller,
 * and each attack of the catalogue from every network. All of it with both layers on, and with each layer off.
 */
export function matrixOf(policy: Policy): Call[] {
  const services = apiNames(policy);
  return LAYERS_IN_ORDER.flatMap((layers) =>
    services.flatMap((service) => {
      const offered = everyOperation(service);
      const attackedId = typicalOperation(service).id;
      const attacked = offered.filter(({ id }) => id === attackedId);
      const attackPart = service === services[0] ? "attack" : `attack-${service}`;
      return originsOf(policy, service).flatMap((origin) => {
        const expected = (operation: Operation, caller: Standing): Outcome =>
          expectedOutcome({ policy, layers, operation, origin, caller, success: successOf(operation, caller) });
        const calls = offered.flatMap((operation) =>
          callersOf(policy, service).map(({ id, standing }) => ({
            id: `${layers}/${operation.id}/${origin.id}/${id}`,
            layers,
            operation: operation.id,
            origin: origin.id,
            caller: id,
            attack: null,
            expected: expected(operation, standing),
          })),
        );
        const tries = attacked.flatMap((operation) =>
          attacks.map(({ name, code }) => ({
            id: `${layers}/${attackPart}/${origin.id}/${name}`,
            layers,
            operation: operation.id,
            origin: origin.id,
            caller: null,
            attack: name,
            // Everything is right except what the code names.
            expected: expected(operation, { assigned: true, listed: true, roles: [], flaw: code }),
          })),
        );
        return [...calls, ...tries];
      });
    }),
  );
}
