/** The grants of an access policy, with the reasons that it states. */
import type { Justification, Policy } from "@restricted-calls/shared/access-policy";

/** A caller may use a role of a service. */
export interface Grant {
  readonly caller: string;
  readonly service: string;
  readonly role: string;
  /** Undefined if the policy states none. */
  readonly justification: Justification | undefined;
}

/** Every grant, in the order of the policy. */
export function grantsOf({ services }: Policy): Grant[] {
  return Object.entries(services).flatMap(([service, { callers, justifications }]) =>
    Object.entries(callers).flatMap(([caller, roles]) =>
      roles.map((role) => ({ caller, service, role, justification: justifications?.[caller]?.[role] })),
    ),
  );
}

/** Whether a grant has ended: at 00:00 UTC of the date `until`. Without a date, it never ends. An unreadable date has passed. */
export function hasEnded(until: string | undefined, now: Date): boolean {
  return until !== undefined && !(new Date(until).getTime() > now.getTime());
}

/** The grants that have ended, each as a line that says what to do. */
export function endedGrants(policy: Policy, now: Date): string[] {
  return grantsOf(policy).flatMap(({ caller, service, role, justification }) =>
    hasEnded(justification?.until, now)
      ? [
          `${service}.callers.${caller}: the grant of ${role} ended on ${justification?.until ?? ""}. ` +
            `Remove the role, or ask its owner (${justification?.owner ?? ""}) for a new date`,
        ]
      : [],
  );
}
