import { callersOf } from "../../model/callers.ts";
import { expectedOutcome, successOf } from "../../model/expectations.ts";
import { everyOperation } from "../../model/operations.ts";
import { originsOf } from "../../model/origins.ts";
import { policy } from "../view.ts";
import { notMade, type PlannedCell, plannedCell } from "./request.ts";

const NOTE =
  "It cannot be tried from here: it takes a machine in that subnet. The local verification makes the same call; on the " +
  "deployment, that the restrictions are as the template says is checked by their configuration.";

/** What is not to be seen from this machine, named one by one: calls from within the virtual network. */
export function elsewhereCells(): PlannedCell[] {
  return everyOperation
    .filter(({ service }) => service in policy.services)
    .flatMap((operation) =>
      originsOf(policy, operation.service)
        .filter(({ subnetOf }) => subnetOf !== null)
        .flatMap((origin) =>
          callersOf(policy, operation.service)
            .filter(({ id }) => ["no-token", "master-key"].includes(id) || id in policy.services)
            .map(({ id, standing }) => {
              const success = successOf(operation, standing);
              const situation = { policy, layers: "both", operation, origin, caller: standing, success } as const;
              const expected = expectedOutcome(situation);
              return plannedCell(operation.id, origin.id, id, () => Promise.resolve(notMade(expected, NOTE)));
            }),
        ),
    );
}
