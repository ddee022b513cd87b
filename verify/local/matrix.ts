import { attacks } from "@restricted-calls/shared/testing/attacks";
import type { Cell, Layers, Operation, Outcome, Policy } from "../model/report.ts";
import { callersOf, type Standing } from "../model/callers.ts";
import { expectedOutcome, successOf } from "../model/expectations.ts";
import { attackedOperation, everyOperation } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";

/** A call that is to be made, and how it must end. */
export type PlannedCell = Pick<Cell, "id" | "layers" | "operation" | "origin" | "caller" | "attack" | "expected">;

const ALL_LAYERS = ["both", "application-only", "network-only"] as const satisfies readonly Layers[];

/**
 * The whole matrix of a policy: every operation, also those of the Functions host, from every network by every kind of
 * caller, and each attack of the catalogue from every network; with both layers on, and with each of them switched off.
 */
export function plannedCells(policy: Policy): PlannedCell[] {
  return ALL_LAYERS.flatMap((layers) =>
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
        // All but the one thing that its code names is right.
        expected: expected(attackedOperation, { assigned: true, listed: true, roles: [], flaw: code }),
      }));
      return [...calls, ...tries];
    }),
  );
}
