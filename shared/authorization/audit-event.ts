// The record of a decision.
import type { Call } from "./call.ts";
import type { RoleRequirement, Verdict } from "./decide.ts";
import type { RefusalCode } from "./refusals.ts";

/** The record of a decision: caller, operation, rule. It has no token, and no claim but these. */
export interface AuditEvent {
  readonly event: "authorization";
  /** Whether the guard let the call through. */
  readonly allowed: boolean;
  /** True for a call that a guard let through because it only reports. */
  readonly wouldRefuse: true | undefined;
  /** The rule that refused, or would refuse. */
  readonly code: RefusalCode | undefined;
  /** Why the service's own rule refused. */
  readonly reason: string | undefined;
  readonly operation: string;
  readonly requirement: RoleRequirement;
  /** The caller's client id, object id and token id (`azp` or `appid`, `oid`, `uti`), if the token was valid. */
  readonly callerAppId: string | undefined;
  readonly callerObjectId: string | undefined;
  readonly tokenId: string | undefined;
  /** When the token was issued (`iat`), in seconds since 1970: a role that was granted later is not in it. */
  readonly tokenIssuedAt: number | undefined;
  /** W3C trace context of the call. */
  readonly traceParent: string | undefined;
}

export function auditEvent(
  { operation, traceParent }: Call,
  requirement: RoleRequirement,
  verdict: Verdict & { readonly reason?: string },
): AuditEvent {
  const { caller, reason } = verdict;
  return {
    event: "authorization",
    allowed: verdict.allowed,
    wouldRefuse: undefined,
    code: verdict.allowed ? undefined : verdict.code,
    reason,
    operation,
    requirement,
    callerAppId: caller?.appId,
    callerObjectId: caller?.objectId,
    tokenId: caller?.tokenId,
    tokenIssuedAt: caller?.tokenIssuedAt,
    traceParent,
  };
}
