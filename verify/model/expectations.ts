/** How each call must end, computed from the access policy. */
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

/**
 * The expected outcome of a call. This model shares no code with the apps: it follows the policy and the published contract, so
 * that it does not repeat a mistake of the apps.
 */
export function expectedOutcome({ policy, layers, operation, origin, caller, success }: Situation): Outcome {
  // Entra ID issues no token to a client without a role assignment, so it makes no call.
  if (!caller.assigned) return { refusedBy: "identity-provider", status: null, code: "AADSTS501051" };

  const { callers = {} } = policy.services[operation.service] ?? {};
  const admitted = origin.callerOf !== null && Object.hasOwn(callers, origin.callerOf);
  if (layers !== "application-only" && !admitted) return { refusedBy: "network", status: 403, code: null };

  // The host answers before any function, without token or guard.
  if (operation.by === "host") return hostOutcome(success);

  if (layers !== "network-only" && operation.role !== null) {
    if (caller.flaw !== null) return refusal(caller.flaw);
    if (!caller.listed) return refusal("caller-not-allowed");
    if (!caller.roles.includes(operation.role)) return refusal("role-missing");
  }
  return { refusedBy: "nobody", status: success, code: null };
}

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
