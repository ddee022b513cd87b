/** How each call must end, and at which point, computed from the access policy. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import type { Layers, Operation, Outcome } from "./report.ts";
import type { Standing } from "./callers.ts";
import { hostOperationsOf } from "./host-operations.ts";
import { sampleCallOf } from "./operations.ts";
import type { Origin } from "./origins.ts";
import { hostOutcome } from "./outcomes.ts";

/** Everything that decides about a call. */
export interface Situation {
  readonly policy: Policy;
  readonly layers: Layers;
  readonly operation: Operation;
  readonly origin: Pick<Origin, "callerOf">;
  readonly caller: Standing;
  /** The HTTP status of the operation's success, or of the Functions host's response. */
  readonly success: number;
}

/** The points at which a call can end, in the order in which it reaches them. */
export const STEPS = ["token", "network", "host", "token-check", "allow-list", "role"] as const;
export type StepId = (typeof STEPS)[number];

export interface Step {
  readonly id: StepId;
  /** Whether this point looks at the call at all: no guard looks at a call of an operation without a role. */
  readonly applies: boolean;
  /** The outcome of a call that ends here; null for a call that goes on. */
  readonly ends: Outcome | null;
}

/**
 * What each point does to a call that reaches it. This model shares no code with the apps: it follows the policy and the
 * published contract, so that it does not repeat a mistake of the apps.
 */
export function stepsOf({ policy, layers, operation, origin, caller, success }: Situation): Step[] {
  const { callers = {} } = policy.services[operation.service] ?? {};
  const isAdmitted = origin.callerOf !== null && Object.hasOwn(callers, origin.callerOf);
  const { role } = operation;
  const isGuarded = layers !== "network-only" && role !== null;
  const endsUnless = (passes: boolean, outcome: Outcome): Pick<Step, "ends"> => ({ ends: passes ? null : outcome });
  return [
    // Entra ID issues no token to a client without a role assignment, so it makes no call.
    { id: "token", applies: true, ...endsUnless(caller.assigned, NO_TOKEN) },
    { id: "network", applies: layers !== "application-only", ...endsUnless(isAdmitted, BY_NETWORK) },
    // The host answers before any function, without token or guard.
    { id: "host", applies: operation.by === "host", ends: hostOutcome(success) },
    { id: "token-check", applies: isGuarded, ends: caller.flaw === null ? null : refusal(caller.flaw) },
    { id: "allow-list", applies: isGuarded, ...endsUnless(caller.listed, refusal("caller-not-allowed")) },
    {
      id: "role",
      applies: isGuarded,
      ...endsUnless(role !== null && caller.roles.includes(role), refusal("role-missing")),
    },
  ];
}

/** The expected outcome of a call: the first point at which it ends decides. */
export function expectedOutcome(situation: Situation): Outcome {
  const last = stepsOf(situation).find(({ applies, ends }) => applies && ends !== null);
  return last?.ends ?? { refusedBy: "nobody", status: situation.success, code: null };
}

const NO_TOKEN: Outcome = { refusedBy: "identity-provider", status: null, code: "AADSTS501051" };
const BY_NETWORK: Outcome = { refusedBy: "network", status: 403, code: null };

/** The HTTP status of a call that neither layer refuses. */
export function successOf({ id, service }: Operation, { hasMasterKey }: Standing): number {
  const responses = hostOperationsOf(service).find((operation) => operation.id === id)?.responses;
  return responses?.[hasMasterKey === true ? 1 : 0] ?? sampleCallOf(id, "").status;
}

/** RFC 6750, section 3.1: a malformed request is 400, a bad token 401, and a valid token without permission 403. */
function refusal(code: string): Outcome {
  const status = { "malformed-credentials": 400, "caller-not-allowed": 403, "role-missing": 403 }[code] ?? 401;
  return { refusedBy: "application", status, code };
}
