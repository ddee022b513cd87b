import type { AccessToken, TokenCredential } from "@azure/identity";
import * as v from "valibot";
import { inTime } from "../in-time.ts";
import { callback, checkOptions } from "../options.ts";

/** Access tokens for one service. */
export interface TokenSource {
  /** A token that is valid: the kept one while there is one, else a new one. One request, however many ask at once. */
  get(): Promise<string>;
  /** Drops a token that the service refused, and asks anew. The same token may come back: then there is no newer one. */
  renew(refused: string): Promise<string>;
}

export type NewCredential = () => TokenCredential | Promise<TokenCredential>;

/**
 * A token is replaced from this long before its end, in milliseconds, in the background, while calls go on with it. MSAL
 * and App Service give the same token again until 5 minutes before its end: asked earlier, they would change nothing.
 */
const REFRESH_BEFORE_END_MS = 4 * 60_000;
/** While the refresh fails, it is tried again this often, in milliseconds: a dozen times before the token ends. */
const REFRESH_INTERVAL_MS = 20_000;
/** A token with less than this left, in milliseconds, might end on its way. */
const LAST_USE_BEFORE_END_MS = 10_000;
/** A service that refuses every token is no reason to ask for one with each call: once in this long, in milliseconds. */
const RENEWAL_INTERVAL_MS = 30_000;
/** `@azure/identity` waits for ever; a token takes a second, and its own two retries a few more (milliseconds). */
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
 * Not `getBearerTokenProvider` of `@azure/identity`: when its refresh in the background fails until the token ends, it
 * leaves a rejection that nobody handles, and that ends the Functions worker.
 *
 * @param newCredential makes a credential without a cache, as far as its kind allows: managed identities of one process
 *   share theirs. Called with the first token that is asked for
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
      fetchToken().catch(() => undefined); // The kept token is good for a while; the next refresh may fare better.
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

/** The credential did not answer. */
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
