/** Checks of grants that have an end. */
import { grantsOf, hasEnded } from "../../../tools/grants.ts";
import { policy } from "../../model/policy.ts";
import type { PlannedCheck } from "../../model/plan.ts";
import { found } from "../azure/reading.ts";
import { plannedCheck } from "../check.ts";

/** One check for each grant with a date. */
export function grantChecks(now: Date): PlannedCheck[] {
  return grantsOf(policy).flatMap(({ caller, service, role, justification }) => {
    const { owner = "", until } = justification ?? {};
    if (until === undefined) return [];
    return [
      plannedCheck({
        id: `grants/${service}/${caller}/${role}`,
        title: `${service}: the grant of ${role} to ${caller} until ${until}`,
        resource: "shared/access-policy.json",
        read: () => Promise.resolve(found(until)),
        expected: "has not ended",
        why: "The caller still holds the role: its owner has agreed to it until that date only.",
        found: (date) => (hasEnded(date, now) ? "has ended" : "has not ended"),
        fix: `# Remove the role from shared/access-policy.json, or ask ${owner} for a new date. Then: azd provision`,
      }),
    ];
  });
}
