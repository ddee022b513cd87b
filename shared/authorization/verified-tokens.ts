import { hash } from "node:crypto";
import type { Claims } from "./claims.ts";
import type { TenantKeys } from "./tenant-metadata.ts";

/** More tokens than a service has callers, many times over. Beyond it, those not used for the longest time go. */
const MAX_TOKENS = 1000;

/** A token whose signature was verified with a key that was published then. */
export interface VerifiedToken {
  readonly claims: Claims;
  readonly keyId: string;
  readonly keyFingerprint: string;
}

/**
 * Tokens seen before, so that a token is verified once and not at every call. Only the signature is remembered: who may
 * call, and until when, is decided at each call. Only tokens that were let in are kept, so nobody else can fill it.
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
    // Half of them goes at once: those that were not asked for while the other half came.
    if (this.#recent.size >= MAX_TOKENS / 2) {
      this.#older = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(digest, token);
  }
}

/** Tokens are kept by their SHA-256: whoever reads this process's memory does not find them. */
export function digestOf(token: string): string {
  return hash("sha256", token, "base64");
}
