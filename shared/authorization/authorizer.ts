// Decides whether a call is allowed: every check, in order.
import * as v from "valibot";
import { callback, checkOptions } from "../options.ts";
import { guid, origin } from "../settings.ts";
import {
  isSignedWith,
  MAX_TOKEN_LENGTH,
  readHeader,
  readPayload,
  type UnverifiedHeader,
  type UnverifiedPayload,
} from "./access-token.ts";
import { type AuditEvent, auditEvent } from "./audit-event.ts";
import { readBearerToken } from "./bearer-token.ts";
import type { Call } from "./call.ts";
import type { Claims } from "./claims.ts";
import { type CustomRule, refusalBy } from "./custom-rule.ts";
import {
  checkToken,
  clientAuthentications,
  decide,
  type RoleRequirement,
  type TokenPolicy,
  type Verdict,
} from "./decide.ts";
import type { RefusalCode } from "./refusals.ts";
import { SigningKeys } from "./signing-keys.ts";
import { fetchTenantKeys, type PublishedKey, type TenantKeys } from "./tenant-metadata.ts";
import { isUnambiguous } from "./strict-json.ts";
import { digestOf, VerifiedTokens } from "./verified-tokens.ts";

/** What a service accepts; see `TokenPolicy` for each member. */
export interface AuthorizerOptions extends Omit<
  TokenPolicy,
  "issuers" | "deniedCallers" | "minimumClientAuthentication" | "clockToleranceSeconds"
> {
  /** The authority's origin, such as `https://login.microsoftonline.com`. */
  readonly authority: string;
  /** Default `secret`: public clients are refused. */
  readonly minimumClientAuthentication?: TokenPolicy["minimumClientAuthentication"];
  /** Default 60, at most 300. */
  readonly clockToleranceSeconds?: number | undefined;
  /** Client ids of apps that are shut out, whatever else lets them in. Default none. */
  readonly deniedCallers?: readonly string[] | undefined;
  /** The service's own rule, asked last. Default none. */
  readonly customRule?: CustomRule | undefined;
  /** Told why the tenant's keys could not be fetched. What it throws is dropped. */
  readonly onKeyFailure: (error: unknown) => void;
}

/** The outcome for one call, and what is to be recorded of it; `retryAfterSeconds` goes with `keys-unavailable`. */
export type Authorization = Verdict & {
  readonly event: AuditEvent;
  readonly retryAfterSeconds?: number;
  /** With `custom-rule-failed`, what kept the rule from deciding: for the service's log, not for the caller. */
  readonly failure?: unknown;
};

/** Decides over calls: no framework, no configuration of its own. At once, unless it must ask the tenant or the custom rule. */
export type Authorize = (call: Call, requirement: RoleRequirement) => Authorization | Promise<Authorization>;

type Refusal = Verdict & {
  readonly allowed: false;
  readonly retryAfterSeconds?: number;
  readonly reason?: string;
  readonly failure?: unknown;
};

const DEFAULT_CLOCK_TOLERANCE_SECONDS = 60;

/** A larger difference is a broken clock; tolerating it would accept expired tokens. */
const MAX_CLOCK_TOLERANCE_SECONDS = 300;

/** A client id, in lower case as in tokens, or an App ID URI. */
const audience = v.union([guid, v.pipe(v.string(), v.url())]);

const optionSchemas = {
  authority: origin,
  tenantId: v.pipe(guid, v.description("the tenant's id, a GUID")),
  audiences: v.pipe(
    v.array(audience),
    v.minLength(1),
    v.description('a list of the API\'s client id, a GUID, and its App ID URI, such as ["api://..."]'),
  ),
  allowedCallers: v.pipe(
    v.lazy((given) => (given === "any" ? v.literal("any") : v.pipe(v.array(guid), v.minLength(1)))),
    v.description(
      'a list of client ids, each a GUID, or "any"; to let nobody in, ["00000000-0000-0000-0000-000000000000"]',
    ),
  ),
  minimumClientAuthentication: v.pipe(
    v.optional(v.picklist(clientAuthentications), "secret"),
    v.description(clientAuthentications.join(", ")),
  ),
  clockToleranceSeconds: v.pipe(
    v.optional(
      v.pipe(v.number(), v.minValue(0), v.maxValue(MAX_CLOCK_TOLERANCE_SECONDS)),
      DEFAULT_CLOCK_TOLERANCE_SECONDS,
    ),
    v.description(`seconds from 0 to ${MAX_CLOCK_TOLERANCE_SECONDS}`),
  ),
  deniedCallers: v.pipe(v.optional(v.array(guid), []), v.description("a list of client ids, each a GUID")),
  customRule: v.pipe(v.optional(callback<CustomRule>()), v.description("a function")),
  onKeyFailure: callback<(error: unknown) => void>(),
};

/** What is known of a token before its signature is verified. */
interface Unverified {
  readonly token: string;
  readonly digest: string;
  readonly headerText: string;
  readonly header: UnverifiedHeader;
  readonly payload: UnverifiedPayload;
  readonly requirement: RoleRequirement;
}

/** Headers that are kept: all tokens of one key and version have the same one. */
const MAX_HEADERS = 100;

/**
 * Makes the decision of a service that accepts app-only access tokens of one Entra tenant.
 *
 * The cheap checks that can only refuse come first, then the signature (once for each token), then, at every call, the
 * caller and its app roles. The fetch of the tenant's signing keys starts at once.
 *
 * Does not check whether a token was revoked or its app was disabled since Entra issued it, whether a token is used for the
 * second time, where the call came from (the network layer does), or how many calls a caller makes. Refuses tokens of
 * users, of other tenants, and tokens that are bound to a key (`cnf`).
 *
 * @throws TypeError that names each option that is wrong
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-tokens
 *
 * @example
 * ```ts
 * import { createAuthorizer } from "@restricted-calls/shared/authorization";
 *
 * const authorize = createAuthorizer({
 *   authority: "https://login.microsoftonline.com",
 *   tenantId: "00000000-0000-4000-8000-000000000001",
 *   audiences: ["00000000-0000-4000-8000-000000000002", "api://00000000-0000-4000-8000-000000000002"],
 *   allowedCallers: ["00000000-0000-4000-8000-000000000003"],
 *   onKeyFailure: (error) => console.error("The signing keys could not be fetched.", error),
 * });
 * const decision = await authorize(
 *   { authorization: "Bearer ...", query: new URLSearchParams(), operation: "getReport", traceParent: undefined },
 *   "Reports.Read",
 * );
 * console.log(decision.allowed ? decision.caller.appId : decision.code);
 * ```
 */
export function createAuthorizer(options: AuthorizerOptions): Authorize {
  const { authority, onKeyFailure, customRule, ...accepted } = checkOptions("createAuthorizer", optionSchemas, options);
  const now = (): number => Date.now() / 1000;
  const monotonicNow = (): number => performance.now() / 1000;
  const keys = new SigningKeys(() => fetchTenantKeys(authority, accepted.tenantId), monotonicNow, onKeyFailure);
  // After the app has registered its functions: the first request loads the HTTP client.
  setImmediate(() => {
    keys.start();
  });
  const verified = new VerifiedTokens();
  const headers = new Map<string, UnverifiedHeader>();
  let policy: TokenPolicy | undefined;

  return (call, requirement) => {
    const verdict = check(call, requirement);
    if (!(verdict instanceof Promise)) return recorded(call, requirement, verdict);
    return verdict.then((later) => recorded(call, requirement, later));
  };

  function check({ authorization, query }: Call, requirement: RoleRequirement): Verdict | Promise<Verdict | Refusal> {
    const credentials = readBearerToken(authorization, query);
    if ("code" in credentials) return refused(credentials.code);
    const { token } = credentials;
    if (token.length > MAX_TOKEN_LENGTH) return refused("malformed-token");
    const digest = digestOf(token);
    const time = now();
    const published = keys.current();
    const claims = published && verified.get(digest, time, published.keys);
    return claims && policy
      ? ruled(claims, decide(claims, policy, requirement, time))
      : verify(token, digest, requirement, published);
  }

  /** A token not seen before: at once, if its key is known. */
  function verify(
    token: string,
    digest: string,
    requirement: RoleRequirement,
    published: TenantKeys | undefined,
  ): Verdict | Promise<Verdict | Refusal> {
    const headerText = token.slice(0, token.indexOf("."));
    const header = headers.get(headerText) ?? readHeader(token);
    if ("code" in header) return refused(header.code);
    const hopeless = keys.refusedUntilCooldownEnds(header.keyId);
    if (hopeless !== undefined) return { allowed: false, ...hopeless };
    const payload = readPayload(token);
    if ("code" in payload) return refused(payload.code);
    const unverified = { token, digest, headerText, header, payload, requirement };
    return published === undefined ? loadAndVerify(unverified) : verifyBy(published, unverified);
  }

  async function loadAndVerify(unverified: Unverified): Promise<Verdict | Refusal> {
    const { token, header, payload } = unverified;
    // Forged tokens must not wait for a slow tenant together with good ones: they would fill the host.
    const badToken = policy && checkToken(payload.claims, policy, now());
    if (badToken !== undefined) return refused(badToken);
    const old = keys.old(header.keyId);
    if (old !== undefined && !isSignedWith(old.key, token, payload)) return refused("bad-signature");
    const published = await keys.load(header.keyId);
    return "code" in published ? { allowed: false, ...published } : verifyBy(published, unverified);
  }

  function verifyBy(published: TenantKeys, unverified: Unverified): Verdict | Promise<Verdict | Refusal> {
    const { keyId } = unverified.header;
    const { issuers } = published;
    const current = policy?.issuers === issuers ? policy : { ...accepted, issuers };
    policy = current;
    const bad = checkToken(unverified.payload.claims, current, now());
    if (bad !== undefined) return refused(bad);
    const key = published.keys.get(keyId);
    if (key !== undefined) return verifyWith(key, current, unverified);
    return keys
      .find(keyId)
      .then((found) => ("code" in found ? { allowed: false, ...found } : verifyWith(found, current, unverified)));
  }

  function verifyWith(
    { key, fingerprint }: PublishedKey,
    current: TokenPolicy,
    { token, digest, headerText, header, payload, requirement }: Unverified,
  ): Verdict | Promise<Verdict | Refusal> {
    if (!isSignedWith(key, token, payload)) return refused("bad-signature");
    if (!isUnambiguous(payload.part)) return refused("malformed-token");
    const { claims } = payload;
    const verdict = decide(claims, current, requirement, now());
    if (verdict.allowed) {
      verified.add(digest, { claims, keyId: header.keyId, keyFingerprint: fingerprint });
      if (headers.size < MAX_HEADERS) headers.set(headerText, header);
    }
    return ruled(claims, verdict);
  }

  /** The custom rule comes last, and can only refuse. */
  function ruled(claims: Claims, verdict: Verdict): Verdict | Promise<Verdict | Refusal> {
    if (customRule === undefined || !verdict.allowed) return verdict;
    return refusalBy(customRule, claims.payload).then((refusal) =>
      refusal === undefined ? verdict : { allowed: false, caller: verdict.caller, ...refusal },
    );
  }
}

function recorded(call: Call, requirement: RoleRequirement, verdict: Verdict | Refusal): Authorization {
  return { ...verdict, event: auditEvent(call, requirement, verdict) };
}

function refused(code: RefusalCode): Refusal {
  return { allowed: false, code };
}
