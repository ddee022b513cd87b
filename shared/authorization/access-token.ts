import type { CryptoKey } from "jose";
import { isB64Token } from "./bearer-token.ts";
import { type Claims, readClaims } from "./claims.ts";
import type { RefusalCode } from "./refusals.ts";
import { decodePart, fromCanonicalBase64Url, isUnambiguous, type Part } from "./strict-json.ts";

/** No Entra token comes near this many characters; beyond it nothing is read. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/**
 * Header parameters that name a key or change how the token is read. Entra sends none of them: a token with one is
 * somebody's attempt to bring his own key, or to be read differently here than elsewhere (RFC 7515, section 4.1).
 */
const FORBIDDEN_PARAMETERS = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

/** A token as it was sent: nothing in it is to be believed before its signature is verified. */
export interface UnverifiedHeader {
  /** The key that is said to have signed the token. */
  readonly keyId: string;
}

export interface UnverifiedPayload {
  readonly claims: Claims;
  readonly part: Part;
}

/**
 * Reads a token's header without believing it.
 *
 * @returns the header, or why the token cannot be an Entra access token
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#header-claims `typ` is `JWT`,
 *   not the `at+jwt` of RFC 9068, and access tokens are signed with RS256
 */
export function readHeader(token: string): UnverifiedHeader | { readonly code: RefusalCode } {
  const header = decodePart(token.slice(0, token.indexOf(".")));
  if (header === undefined) return { code: malformed(token) };
  const { alg, typ, kid } = header.content;
  if (alg !== "RS256") return { code: "algorithm-not-allowed" };
  const isPlain = !FORBIDDEN_PARAMETERS.some((parameter) => Object.hasOwn(header.content, parameter));
  const isOurs = typ === "JWT" && typeof kid === "string" && kid !== "" && isPlain && isUnambiguous(header);
  return isOurs ? { keyId: kid } : { code: "malformed-token" };
}

/** Reads a token's claims without believing them. */
export function readPayload(token: string): UnverifiedPayload | { readonly code: RefusalCode } {
  const parts = token.split(".");
  const payload = decodePart(parts[1] ?? "");
  const claims = payload && readClaims(payload.content);
  if (parts.length !== 3 || !claims || !fromCanonicalBase64Url(parts[2] ?? "")) return { code: malformed(token) };
  return { claims, part: payload };
}

/**
 * Verifies the signature: RS256, whatever the header says (RFC 7515, section 5.2; RFC 7518, section 3.3). By WebCrypto,
 * as jose does it, but without decoding header and payload again; tests hold this against jose, token by token.
 */
export function isSignedWith(key: CryptoKey, token: string): Promise<boolean> {
  const end = token.lastIndexOf(".");
  const signature = Buffer.from(token.slice(end + 1), "base64url");
  return crypto.subtle.verify("RSASSA-PKCS1-v1_5", key, signature, Buffer.from(token.slice(0, end)));
}

function malformed(token: string): RefusalCode {
  return isB64Token(token) ? "malformed-token" : "malformed-credentials";
}
