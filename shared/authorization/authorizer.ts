import { isSignedWith, readAccessToken } from "./access-token.ts";
import { readBearerToken } from "./bearer-token.ts";
import { checkToken, decide, type TokenPolicy, type Verdict } from "./decide.ts";
import type { RefusalCode } from "./refusals.ts";
import { SigningKeys } from "./signing-keys.ts";
import { fetchTenantKeys } from "./tenant-metadata.ts";

/** What a service accepts; see `TokenPolicy` for each member. */
export interface AuthorizerOptions extends Omit<TokenPolicy, "issuers"> {
  /** The authority's origin, such as `https://login.microsoftonline.com`. */
  readonly authority: string;
  /** Told why the tenant's keys could not be fetched. */
  readonly onKeyFailure: (error: unknown) => void;
}

/** The outcome for one call; `retryAfterSeconds` goes with `keys-unavailable`. */
export type Authorization = Verdict & { readonly retryAfterSeconds?: number };

/** Decides over calls from their `Authorization` header: no framework, no configuration of its own. */
export type Authorize = (
  authorization: string | null,
  query: URLSearchParams,
  requiredRole: string,
) => Promise<Authorization>;

/**
 * Makes the decision of a service that accepts app-only access tokens of one Entra tenant: the token's own claims are
 * looked at first, because they cost nothing and can only refuse; then its signature; then who calls, and as what.
 */
export function createAuthorizer(options: AuthorizerOptions): Authorize {
  const { authority, tenantId } = options;
  const now = (): number => Date.now() / 1000;
  const keys = new SigningKeys(() => fetchTenantKeys(authority, tenantId), now, options.onKeyFailure);

  return async (authorization, query, requiredRole) => {
    const credentials = readBearerToken(authorization, query);
    if ("code" in credentials) return refused(credentials.code);
    const token = readAccessToken(credentials.token);
    if ("code" in token) return refused(token.code);

    const issuers = await keys.issuers();
    if (issuers === undefined) return { allowed: false, ...keys.unavailable() };
    const policy: TokenPolicy = { ...options, issuers };
    const bad = checkToken(token.claims, policy, now());
    if (bad !== undefined) return refused(bad);

    const found = await keys.find(token.keyId);
    if ("code" in found) return { allowed: false, ...found };
    if (!(await isSignedWith(found.key, credentials.token))) return refused("bad-signature");

    return decide(token.claims, policy, requiredRole, now());
  };
}

function refused(code: RefusalCode): Authorization {
  return { allowed: false, code };
}
