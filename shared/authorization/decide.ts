import type { Claims } from "./claims.ts";
import type { RefusalCode } from "./refusals.ts";

/** What this service accepts. Everything in it comes from settings and from the tenant's published metadata. */
export interface TokenPolicy {
  readonly tenantId: string;
  /** The tenant's issuer for each token version: v1.0 tokens come from another host than v2.0 tokens. */
  readonly issuers: { readonly "1.0": string; readonly "2.0": string };
  /** The API's client id (v2.0 tokens) and its App ID URI (v1.0 tokens may name either). */
  readonly audiences: readonly string[];
  /** Client ids of the apps that may call. An empty list refuses everyone. */
  readonly allowedCallers: readonly string[];
}

/** Who calls, as far as the token says it: what a handler gets instead of the token. */
export interface Caller {
  /** The app's client id. */
  readonly appId: string;
  /** The object id of its service principal. */
  readonly objectId: string;
  readonly tenantId: string;
  readonly roles: readonly string[];
  /** The token's own id, where it has one. */
  readonly tokenId: string | undefined;
}

/** A refused caller is named only where the token itself was good. */
export type Verdict =
  | { readonly allowed: true; readonly caller: Caller }
  | { readonly allowed: false; readonly code: RefusalCode; readonly caller?: Caller };

/** Clocks may differ by this many seconds. */
export const CLOCK_TOLERANCE_SECONDS = 60;

/**
 * Decides over a call: a pure function of the token's claims, the policy and the time. The signature is somebody else's
 * business: see `authorizer.ts`.
 *
 * @param requiredRole the app role that the operation needs
 * @param now seconds since 1970
 */
export function decide(claims: Claims, policy: TokenPolicy, requiredRole: string, now: number): Verdict {
  const badToken = checkToken(claims, policy, now);
  if (badToken !== undefined) return { allowed: false, code: badToken };
  const caller = callerOf(claims);
  const code = checkCaller(caller, policy) ?? checkRole(caller, requiredRole);
  return code === undefined ? { allowed: true, caller } : { allowed: false, code, caller };
}

/**
 * The checks of the token itself, apart from who calls: a token that fails here is bad for every operation.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
 */
export function checkToken(claims: Claims, policy: TokenPolicy, now: number): RefusalCode | undefined {
  return (
    checkIssuer(claims, policy) ?? checkAudience(claims, policy) ?? checkLifetime(claims, now) ?? checkAppOnly(claims)
  );
}

/** The issuer is the tenant's for the token's version, and `tid` agrees with it. */
function checkIssuer({ iss, tid, ver }: Claims, { issuers, tenantId }: TokenPolicy): RefusalCode | undefined {
  return iss === issuers[ver] && tid === tenantId ? undefined : "wrong-issuer";
}

/** RFC 7519, section 4.1.3. Entra issues access tokens for one audience, so `aud` is one string. */
function checkAudience({ aud }: Claims, { audiences }: TokenPolicy): RefusalCode | undefined {
  return audiences.includes(aud) ? undefined : "wrong-audience";
}

/** RFC 7519, sections 4.1.4 and 4.1.5. */
function checkLifetime({ exp, nbf }: Claims, now: number): RefusalCode | undefined {
  if (now >= exp + CLOCK_TOLERANCE_SECONDS) return "token-expired";
  if (nbf !== undefined && now < nbf - CLOCK_TOLERANCE_SECONDS) return "token-not-yet-valid";
  return undefined;
}

/** Delegated tokens carry `scp`; `idtyp`, where the API asks for that optional claim, is `app` in app-only tokens. */
function checkAppOnly({ scp, idtyp }: Claims): RefusalCode | undefined {
  return scp === undefined && (idtyp === undefined || idtyp === "app") ? undefined : "not-app-only";
}

/** First way to restrict callers: the service's own list. */
function checkCaller({ appId }: Caller, { allowedCallers }: TokenPolicy): RefusalCode | undefined {
  return allowedCallers.includes(appId) ? undefined : "caller-not-allowed";
}

/** Second way: an app role, which an administrator of the tenant assigned to the caller. */
function checkRole({ roles }: Caller, requiredRole: string): RefusalCode | undefined {
  return roles.includes(requiredRole) ? undefined : "role-missing";
}

function callerOf({ ver, appid, azp, oid, tid, roles, uti }: Claims): Caller {
  return Object.freeze({
    // v1.0 tokens name the caller in `appid`, v2.0 tokens in `azp`. Nobody is on a list as "".
    appId: (ver === "1.0" ? appid : azp) ?? "",
    objectId: oid,
    tenantId: tid,
    roles: Object.freeze([...roles]),
    tokenId: uti,
  });
}
