import { isSignedWith, readHeader, readPayload } from "./access-token.ts";
import { type AuditEvent, auditEvent } from "./audit-event.ts";
import { readBearerToken } from "./bearer-token.ts";
import { checkToken, decide, type RoleRequirement, type TokenPolicy, type Verdict } from "./decide.ts";
import type { RefusalCode } from "./refusals.ts";
import { SigningKeys } from "./signing-keys.ts";
import { fetchTenantKeys } from "./tenant-metadata.ts";
import { VerifiedTokens } from "./verified-tokens.ts";

/** What a service accepts; see `TokenPolicy` for each member. */
export interface AuthorizerOptions extends Omit<
  TokenPolicy,
  "issuers" | "minimumClientAuthentication" | "clockToleranceSeconds"
> {
  /** The authority's origin, such as `https://login.microsoftonline.com`. */
  readonly authority: string;
  /** Default `secret`: public clients are refused. */
  readonly minimumClientAuthentication?: TokenPolicy["minimumClientAuthentication"];
  /** Default 60, at most 300. */
  readonly clockToleranceSeconds?: number;
  /** Told why the tenant's keys could not be fetched. */
  readonly onKeyFailure: (error: unknown) => void;
}

/** What the decision needs to know of a call. */
export interface Call {
  /** The `Authorization` header as the host hands it on, null where there is none. */
  readonly authorization: string | null;
  readonly query: URLSearchParams;
  /** What is called, and the W3C trace context: for the audit event. */
  readonly operation: string;
  readonly traceParent: string | undefined;
}

/** The outcome for one call, and what is to be recorded of it; `retryAfterSeconds` goes with `keys-unavailable`. */
export type Authorization = Verdict & { readonly event: AuditEvent; readonly retryAfterSeconds?: number };

/** Decides over calls: no framework, no configuration of its own. */
export type Authorize = (call: Call, requirement: RoleRequirement) => Promise<Authorization>;

type Refusal = Verdict & { readonly allowed: false; readonly retryAfterSeconds?: number };

const DEFAULT_CLOCK_TOLERANCE_SECONDS = 60;

/** A larger difference is a broken clock, and tolerating it would keep ended tokens alive. */
const MAX_CLOCK_TOLERANCE_SECONDS = 300;

/**
 * Makes the decision of a service that accepts app-only access tokens of one Entra tenant. What costs little and can
 * only refuse comes first; then the signature, once for each token; then, at every call, who calls, and as what.
 *
 * @throws RangeError where the clock tolerance is beyond its ceiling
 */
export function createAuthorizer(options: AuthorizerOptions): Authorize {
  const { authority, tenantId, clockToleranceSeconds = DEFAULT_CLOCK_TOLERANCE_SECONDS } = options;
  if (!(clockToleranceSeconds >= 0 && clockToleranceSeconds <= MAX_CLOCK_TOLERANCE_SECONDS)) {
    throw new RangeError(`clockToleranceSeconds must be from 0 to ${MAX_CLOCK_TOLERANCE_SECONDS}.`);
  }
  const now = (): number => Date.now() / 1000;
  const keys = new SigningKeys(() => fetchTenantKeys(authority, tenantId), now, options.onKeyFailure);
  const verified = new VerifiedTokens(
    (keyId, fingerprint) => keys.published()?.keys.get(keyId)?.fingerprint === fingerprint,
  );
  let policy: TokenPolicy | undefined;

  return async (call, requirement) => {
    const verdict = seenBefore(call, requirement) ?? (await judge(call, requirement));
    return { ...verdict, event: auditEvent(call, requirement, verdict) };
  };

  /** The short way: a token whose signature was verified at an earlier call. */
  function seenBefore({ authorization, query }: Call, requirement: RoleRequirement): Verdict | undefined {
    if (authorization?.startsWith("Bearer ") !== true || query.has("access_token")) return undefined;
    const time = now();
    const claims = verified.get(VerifiedTokens.keyOf(authorization.slice("Bearer ".length)), time);
    return claims && policy && decide(claims, policy, requirement, time);
  }

  async function judge({ authorization, query }: Call, requirement: RoleRequirement): Promise<Verdict | Refusal> {
    const credentials = readBearerToken(authorization, query);
    if ("code" in credentials) return refused(credentials.code);
    const { token } = credentials;
    const header = readHeader(token);
    if ("code" in header) return refused(header.code);
    const hopeless = keys.refusedUntilCooldownEnds(header.keyId);
    if (hopeless !== undefined) return { allowed: false, ...hopeless };
    const claims = readPayload(token);
    if (claims === undefined) return refused("malformed-token");

    const issuers = (await keys.load())?.issuers;
    if (issuers === undefined) return { allowed: false, ...keys.unavailable() };
    policy = policy?.issuers === issuers ? policy : policyWith(issuers);
    const bad = checkToken(claims, policy, now());
    if (bad !== undefined) return refused(bad);

    const found = await keys.find(header.keyId);
    if ("code" in found) return { allowed: false, ...found };
    if (!(await isSignedWith(found.key, token))) return refused("bad-signature");

    const verdict = decide(claims, policy, requirement, now());
    if (verdict.allowed) {
      const { fingerprint } = found;
      verified.add(VerifiedTokens.keyOf(token), { claims, keyId: header.keyId, keyFingerprint: fingerprint });
    }
    return verdict;
  }

  function policyWith(issuers: TokenPolicy["issuers"]): TokenPolicy {
    return { minimumClientAuthentication: "secret", ...options, clockToleranceSeconds, issuers };
  }
}

function refused(code: RefusalCode): Refusal {
  return { allowed: false, code };
}
