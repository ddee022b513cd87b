import { compactVerify, type CryptoKey, decodeJwt, decodeProtectedHeader, errors } from "jose";
import { type Claims, readClaims } from "./claims.ts";
import type { RefusalCode } from "./refusals.ts";

/** No Entra token comes near this many characters; beyond it nothing is parsed. */
const MAX_TOKEN_LENGTH = 16 * 1024;

/** A token as it was sent: nothing in it is to be believed before its signature is verified. */
export interface UnverifiedToken {
  readonly keyId: string;
  readonly claims: Claims;
}

/**
 * Reads an Entra ID access token without believing it.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#header-claims `typ` is `JWT`,
 *   not the `at+jwt` of RFC 9068, and access tokens are signed with RS256
 */
export function readAccessToken(token: string): UnverifiedToken | { readonly code: RefusalCode } {
  if (token.length > MAX_TOKEN_LENGTH) return { code: "malformed-token" };
  try {
    const { alg, typ, kid } = decodeProtectedHeader(token);
    if (alg !== "RS256") return { code: "algorithm-not-allowed" };
    const claims = readClaims(decodeJwt(token));
    if (typ !== "JWT" || typeof kid !== "string" || claims === undefined) return { code: "malformed-token" };
    return { keyId: kid, claims };
  } catch {
    return { code: "malformed-token" };
  }
}

/** Verifies the signature (RFC 7515, section 5.2). Header parameters that must be understood and are not refuse as well. */
export async function isSignedWith(key: CryptoKey, token: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: ["RS256"] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}
