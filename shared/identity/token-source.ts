// Keeps an access token, and replaces it before its end.
import type { AccessToken, TokenCredential } from "@azure/identity";
import * as v from "valibot";
import { inTime } from "../in-time.ts";
import { callback, checkOptions } from "../options.ts";

/** Access tokens for one service. */
export interface TokenSource {
  /** A valid token: the kept one, or a new one. Concurrent calls share one request. */
  get(): Promise<string>;
  /** Drops a token that the service refused, and requests a new one. If the same token comes back, there is no newer one. */
  renew(refused: string): Promise<string>;
}

export type NewCredential = () => TokenCredential | Promise<TokenCredential>;

/**
 * A refresh in the background starts this long before the token's end, in milliseconds. MSAL and App Service return the same
 * token until 5 minutes before its end, so an earlier refresh would change nothing.
 */
const REFRESH_BEFORE_END_MS = 4 * 60_000;
/** Milliseconds between two attempts to refresh: a dozen before the token ends. */
const REFRESH_INTERVAL_MS = 20_000;
/** The shortest rest of a lifetime, in milliseconds, with which a token is sent. */
const LAST_USE_BEFORE_END_MS = 10_000;
/** Milliseconds between two renewals: a service that refuses every token must not cause a request per call. */
const RENEWAL_INTERVAL_MS = 30_000;
/** Milliseconds. `@azure/identity` has no timeout; a token takes a second, and its two retries a few more. */
const TIMEOUT_MS = 10_000;

const argumentSchemas = {
  newCredential: callback(),
  scope: v.pipe(v.string(), v.regex(/.\/\.default$/), v.description("an App ID URI followed by /.default")),
};

/**
 * Makes a token source that keeps one access token for its lifetime.
 *
 * Does not check what is in the token, nor whether the service accepts it: `renew` is for a service that refused one.
 *
 * Replaces `getBearerTokenProvider` of `@azure/identity`: if that one's background refresh fails until the token ends, an
 * unhandled rejection ends the Functions worker.
 *
 * @param newCredential makes a credential with an empty cache, if its kind allows: managed identities of one process share
 *   theirs. Called at the first request for a token, and after a renewal
 * @param scope `{App ID URI}/.default`: what the client credentials flow takes
 * @throws TypeError where an argument is wrong
 * @see https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-default-scope
 *
 * @example
 * ```ts
 * import { createTokenSource, managedIdentity } from "@restricted-calls/shared/identity";
 *
 * const tokens = createTokenSource(() => managedIdentity(undefined), "api://00000000-0000-4000-8000-000000000002/.default");
 * const token = await tokens.get();
 * await tokens.renew(token); // after a 401 with error="invalid_token"
 * ```
 */
export function createTokenSource(newCredential: NewCredential, scope: string): TokenSource {
  checkOptions("createTokenSource", argumentSchemas, { newCredential, scope });
  let credential: TokenCredential | undefined;
  let kept: AccessToken | undefined;
  let fetching: Promise<AccessToken> | undefined;
  let nextRefresh = 0;
  let nextRenewal = 0;

  const askForToken = async (): Promise<AccessToken | null> => {
    credential ??= await newCredential();
    return credential.getToken(scope);
  };

  const fetchToken = (): Promise<AccessToken> =>
    (fetching ??= withTimeout(askForToken())
      .then((token) => (kept = token))
      .finally(() => (fetching = undefined)));

  async function get(): Promise<string> {
    const now = Date.now();
    const left = (kept?.expiresOnTimestamp ?? 0) - now;
    if (kept === undefined || left < LAST_USE_BEFORE_END_MS) return (await fetchToken()).token;
    if (left < REFRESH_BEFORE_END_MS && now >= nextRefresh) {
      nextRefresh = now + REFRESH_INTERVAL_MS;
      fetchToken().catch(() => undefined); // The kept token is still valid; a later refresh may succeed.
    }
    return kept.token;
  }

  return {
    get,
    renew(refused) {
      if (kept?.token === refused && Date.now() >= nextRenewal) {
        nextRenewal = Date.now() + RENEWAL_INTERVAL_MS;
        credential = undefined;
        kept = undefined;
      }
      return get();
    },
  };
}

/** The credential did not give a token in time. */
export class TokenTimeoutError extends Error {
  override readonly name = "TokenTimeoutError";

  constructor() {
    super(`no token within ${TIMEOUT_MS / 1000} s`);
  }
}

async function withTimeout(request: Promise<AccessToken | null>): Promise<AccessToken> {
  const token = await inTime(request, TIMEOUT_MS, () => new TokenTimeoutError());
  if (token === null) throw new Error("the credential gave no token");
  return token;
}
