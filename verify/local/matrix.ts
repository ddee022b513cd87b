/** The matrix: every call that the local verification makes, with its expected outcome. */
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { callersOf, type Standing } from "../model/callers.ts";
import { expectedOutcome, successOf } from "../model/expectations.ts";
import { attackedOperation, everyOperation } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import type { Call } from "../model/plan.ts";
import { LAYERS_IN_ORDER, type Operation, type Outcome, type Policy } from "../model/report.ts";

/**
 * Every operation, also those of the Functions host, from every network by every kind of caller, and each attack of the
 * catalogue from every network: with both layers on, and with each layer off.
 */
export function matrixOf(policy: Policy): Call[] {
  return LAYERS_IN_ORDER.flatMap((layers) =>
    originsOf(policy, attackedOperation.service).flatMap((origin) => {
      const expected = (operation: Operation, caller: Standing): Outcome =>
        expectedOutcome({ policy, layers, operation, origin, caller, success: successOf(operation, caller) });
      const calls = everyOperation.flatMap((operation) =>
        callersOf(policy, operation.service).map(({ id, standing }) => ({
          id: `${layers}/${operation.id}/${origin.id}/${id}`,
          layers,
          operation: operation.id,
          origin: origin.id,
          caller: id,
          attack: null,
          expected: expected(operation, standing),
        })),
      );
      const tries = attacks.map(({ name, code }) => ({
        id: `${layers}/attack/${origin.id}/${name}`,
        layers,
        operation: attackedOperation.id,
        origin: origin.id,
        caller: null,
        attack: name,
        // Everything is right except what the code names.
        expected: expected(attackedOperation, { assigned: true, listed: true, roles: [], flaw: code }),
      }));
      return [...calls, ...tries];
    }),
  );
}
