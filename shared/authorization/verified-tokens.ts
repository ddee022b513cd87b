import { hash } from "node:crypto";
import type { Claims } from "./claims.ts";

/** More tokens than a service has callers, many times over. Past it, the one kept longest goes. */
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
  readonly #tokens = new Map<string, VerifiedToken>();
  readonly #isPublished: (keyId: string, fingerprint: string) => boolean;

  /** @param isPublished whether the tenant still publishes a key */
  constructor(isPublished: (keyId: string, fingerprint: string) => boolean) {
    this.#isPublished = isPublished;
  }

  /** The token itself is not kept: whoever reads this process's memory finds its digest. */
  static keyOf(token: string): string {
    return hash("sha256", token, "base64");
  }

  /** @param now seconds since 1970: an entry lives until the token ends, or its key leaves the key set */
  get(key: string, now: number): Claims | undefined {
    const token = this.#tokens.get(key);
    if (token === undefined) return undefined;
    if (now < token.claims.expires && this.#isPublished(token.keyId, token.keyFingerprint)) return token.claims;
    this.#tokens.delete(key);
    return undefined;
  }

  add(key: string, token: VerifiedToken): void {
    this.#tokens.set(key, token);
    if (this.#tokens.size <= MAX_TOKENS) return;
    for (const oldest of this.#tokens.keys()) {
      this.#tokens.delete(oldest);
      return;
    }
  }
}
