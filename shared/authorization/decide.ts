// The checks of the claims: token, caller and app roles.
import type { Caller, Claims } from "./claims.ts";
import type { RefusalCode } from "./refusals.ts";

/** What this service accepts: from its settings and the tenant's published metadata. */
export interface TokenPolicy {
  readonly tenantId: string;
  /** The tenant's issuer for each token version: v1.0 tokens come from another host than v2.0 tokens. */
  readonly issuers: { readonly "1.0": string; readonly "2.0": string };
  /** The API's client id (v2.0 tokens) and its App ID URI (v1.0 tokens may name either). */
  readonly audiences: readonly string[];
  /**
   * Client ids of the apps that may call. An empty list refuses everyone; `any` leaves the choice to roles and
   * assignments, which the tenant's administrators make.
   */
  readonly allowedCallers: readonly string[] | "any";
  /** Client ids of apps that are refused, whatever else allows them; in lower case. */
  readonly deniedCallers: readonly string[];
  /** How well the caller must have proved to Entra who it is: each value admits the ones after it. */
  readonly minimumClientAuthentication: ClientAuthentication;
  /** Clocks may differ by this many seconds, 300 at the most. */
  readonly clockToleranceSeconds: number;
}

/** `certificate` includes managed identities and federated credentials. */
export const clientAuthentications = ["public", "secret", "certificate"] as const;
export type ClientAuthentication = (typeof clientAuthentications)[number];

/**
 * No access token of Entra's lives longer, in seconds: 24 hours by a token lifetime policy or for a managed identity, 28
 * hours with continuous access evaluation.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/configurable-token-lifetimes#access-tokens
 */
const MAX_LIFETIME_SECONDS = 28 * 3600;

/**
 * What an operation asks of its caller's app roles: one, any of several, all of several, or none but an assignment at
 * Entra, where the callee's service principal requires one.
 */
export type RoleRequirement<Role extends string = string> =
  | Role
  | { readonly anyOf: readonly [Role, ...Role[]] }
  | { readonly allOf: readonly [Role, ...Role[]] }
  | { readonly assignmentOnly: true };

/** The caller of a refused call is there only if the token itself was valid. */
export type Verdict =
  | { readonly allowed: true; readonly caller: Caller }
  | { readonly allowed: false; readonly code: RefusalCode; readonly caller?: Caller };

/**
 * Decides over a call: a pure function of the token's claims, the policy and the time.
 *
 * Does not verify the signature: `authorizer.ts` does.
 *
 * @param now seconds since 1970
 */
export function decide(claims: Claims, policy: TokenPolicy, requirement: RoleRequirement, now: number): Verdict {
  const badToken = checkToken(claims, policy, now);
  if (badToken !== undefined) return { allowed: false, code: badToken };
  const { caller } = claims;
  const code = checkCaller(caller, policy) ?? checkRoles(caller, requirement);
  return code === undefined ? { allowed: true, caller } : { allowed: false, code, caller };
}

/**
 * The checks of the token itself, apart from who calls: a token that fails here is bad for every operation.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
 */
export function checkToken(claims: Claims, policy: TokenPolicy, now: number): RefusalCode | undefined {
  return (
    checkIssuer(claims, policy) ??
    checkAudience(claims, policy) ??
    checkLifetime(claims, policy, now) ??
    checkAppOnly(claims) ??
    checkKeyBound(claims) ??
    checkClientAuthentication(claims, policy)
  );
}

/** The issuer is the tenant's for the token's version, and `tid` agrees with it. */
function checkIssuer({ issuer, version, caller }: Claims, policy: TokenPolicy): RefusalCode | undefined {
  return issuer === policy.issuers[version] && caller.tenantId === policy.tenantId ? undefined : "wrong-issuer";
}

/** RFC 7519, section 4.1.3. Entra issues access tokens for one audience, so `aud` is one string. */
function checkAudience({ audience }: Claims, { audiences }: TokenPolicy): RefusalCode | undefined {
  return audiences.includes(audience) ? undefined : "wrong-audience";
}

/**
 * RFC 7519, sections 4.1.4 to 4.1.6. A token that says it was issued in the future is not valid yet either. One that
 * begins after its end gets as far as the last check only where the clock tolerance lets both pass.
 */
function checkLifetime(
  { expires, notBefore = 0, issuedAt = 0 }: Claims,
  { clockToleranceSeconds }: TokenPolicy,
  now: number,
): RefusalCode | undefined {
  if (now >= expires + clockToleranceSeconds) return "token-expired";
  const begins = Math.max(notBefore, issuedAt);
  if (now < begins - clockToleranceSeconds) return "token-not-yet-valid";
  if (expires > now + MAX_LIFETIME_SECONDS + clockToleranceSeconds) return "token-lifetime-too-long";
  return begins > expires ? "malformed-token" : undefined;
}

function checkAppOnly({ isAppOnly }: Claims): RefusalCode | undefined {
  return isAppOnly ? undefined : "not-app-only";
}

/** Without the proof, such a token would be good for whoever has stolen it: what it is bound to a key against. */
function checkKeyBound({ isKeyBound }: Claims): RefusalCode | undefined {
  return isKeyBound ? "key-bound-token" : undefined;
}

/**
 * `azpacr` and `appidacr` count upwards in the order of `clientAuthentications`. A token that does not say counts as
 * obtained by a secret: an app-only token comes from the client credentials flow, which no public client can use.
 */
function checkClientAuthentication(
  { clientAuthentication = "1" }: Claims,
  { minimumClientAuthentication }: TokenPolicy,
): RefusalCode | undefined {
  const proved = ["0", "1", "2"].indexOf(clientAuthentication);
  const isEnough = proved >= clientAuthentications.indexOf(minimumClientAuthentication);
  return isEnough ? undefined : "weak-client-authentication";
}

/** First way to restrict callers: the service's own list. */
function checkCaller({ appId }: Caller, { allowedCallers, deniedCallers }: TokenPolicy): RefusalCode | undefined {
  if (deniedCallers.includes(appId.toLowerCase())) return "caller-denied";
  return allowedCallers === "any" || allowedCallers.includes(appId) ? undefined : "caller-not-allowed";
}

/** Second way: app roles, which an administrator of the tenant assigned to the caller. Third way: assignment as such. */
function checkRoles({ roles }: Caller, requirement: RoleRequirement): RefusalCode | undefined {
  return meets(roles, requirement) ? undefined : "role-missing";
}

function meets(roles: readonly string[], requirement: RoleRequirement): boolean {
  if (typeof requirement === "string") return roles.includes(requirement);
  if ("anyOf" in requirement) return requirement.anyOf.some((role) => roles.includes(role));
  // An empty list, which the types forbid, must not mean everyone.
  if ("allOf" in requirement)
    return requirement.allOf.length > 0 && requirement.allOf.every((role) => roles.includes(role));
  // Only true is: "false", which the types forbid, must not mean everyone.
  return Object.is(requirement.assignmentOnly, true);
}
