// The tokens whose signature was verified before.
import { hash } from "node:crypto";
import type { Claims } from "./claims.ts";
import type { TenantKeys } from "./tenant-metadata.ts";

/** Many times the number of callers. Beyond it, the tokens that were not used for the longest time are dropped. */
const MAX_TOKENS = 1000;

/** A token whose signature was verified with a key that was published then. */
export interface VerifiedToken {
  readonly claims: Claims;
  readonly keyId: string;
  readonly keyFingerprint: string;
}

/**
 * Tokens seen before, so that a signature is verified once and not at every call. Lifetime, caller and roles are checked at
 * each call. Only accepted tokens are kept, so forged ones cannot fill the cache.
 */
export class VerifiedTokens {
  #recent = new Map<string, VerifiedToken>();
  #older = new Map<string, VerifiedToken>();

  /**
   * An entry lives until the token ends, or its key leaves the key set.
   *
   * @param now seconds since 1970
   * @param published the tenant's keys
   */
  get(digest: string, now: number, published: TenantKeys["keys"]): Claims | undefined {
    const recent = this.#recent.get(digest);
    const token = recent ?? this.#older.get(digest);
    if (token === undefined) return undefined;
    if (now < token.claims.expires && published.get(token.keyId)?.fingerprint === token.keyFingerprint) {
      if (recent === undefined) this.add(digest, token);
      return token.claims;
    }
    this.#recent.delete(digest);
    this.#older.delete(digest);
    return undefined;
  }

  add(digest: string, token: VerifiedToken): void {
    // Drops the half that was not used while the other half came.
    if (this.#recent.size >= MAX_TOKENS / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(digest, token);
  }
}

/** The cache holds the SHA-256 of a token, not the token: a memory dump does not show it. */
export function digestOf(token: string): string {
  return hash("sha256", token, "base64");
}
