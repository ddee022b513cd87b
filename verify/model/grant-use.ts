/** How often each grant of the access policy was used, by the audit events of a period. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { type Grant, grantsOf } from "../../tools/grants.ts";
import type { RecordedEvent } from "../../local/index.ts";
import { isOfProof } from "./trace.ts";

/** A grant, and how often it was used. */
export interface GrantUse extends Pick<Grant, "caller" | "service" | "role"> {
  /** The number of calls that needed the role and were admitted. */
  readonly calls: number;
  /** The time of the latest one, ISO 8601, UTC; null without calls. */
  readonly latest: string | null;
}

/**
 * Counts, for each grant of a policy, the admitted calls that needed its role. Calls of the proof do not count: it makes every
 * call. Of several roles that an operation asks for, each counts as used: an event does not contain the roles of the caller.
 *
 * @param callerOf the service or external caller that has a client id; undefined for an unknown one
 */
export function grantUseOf(
  policy: Policy,
  events: readonly RecordedEvent[],
  callerOf: (clientId: string) => string | undefined,
): GrantUse[] {
  const calls = events
    .filter(({ event }) => event.allowed && event.wouldRefuse !== true && !isOfProof(event.traceParent))
    .map(({ time, service, event }) => ({
      ...{ time, service, roles: rolesOf(event.requirement) },
      caller: callerOf(event.callerAppId ?? ""),
    }));
  return grantsOf(policy).map(({ caller, service, role }) => {
    const used = calls.filter(
      (call) => call.service === service && call.caller === caller && call.roles.includes(role),
    );
    const times = used.map(({ time }) => time).sort();
    return { caller, service, role, calls: used.length, latest: times.at(-1) ?? null };
  });
}

type Requirement = RecordedEvent["event"]["requirement"];

function rolesOf(requirement: Requirement): readonly string[] {
  if (typeof requirement === "string") return [requirement];
  if ("anyOf" in requirement) return requirement.anyOf;
  return "allOf" in requirement ? requirement.allOf : [];
}
