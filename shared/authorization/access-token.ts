// Reads an access token, and verifies its signature.
import { type KeyObject, verify } from "node:crypto";
import { isB64Token } from "./bearer-token.ts";
import { type Claims, readClaims } from "./claims.ts";
import type { RefusalCode } from "./refusals.ts";
import { decodePart, fromCanonicalBase64Url, isUnambiguous, type Part } from "./strict-json.ts";

/** The longest token that is read, in characters: far more than Entra tokens have. */
export const MAX_TOKEN_LENGTH = 16 * 1024;

/**
 * Header parameters that name a key or change how the token is read (RFC 7515, section 4.1). Entra sends none of them. A
 * token with one is an attempt to bring a key of its own, or to be read differently by two readers.
 */
const FORBIDDEN_PARAMETERS = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

/** The header of a token whose signature is not verified yet: it may be forged. */
export interface UnverifiedHeader {
  /** The id of the key that the token claims to be signed with. */
  readonly keyId: string;
}

export interface UnverifiedPayload {
  readonly claims: Claims;
  readonly part: Part;
  readonly signature: Buffer;
}

/**
 * Reads a token's header. Does not verify anything.
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

/** Reads a token's claims and its signature. Does not verify anything. */
export function readPayload(token: string): UnverifiedPayload | { readonly code: RefusalCode } {
  const parts = token.split(".");
  const payload = decodePart(parts[1] ?? "");
  const claims = payload && readClaims(payload.content);
  const signature = fromCanonicalBase64Url(parts[2] ?? "");
  if (parts.length !== 3 || !claims || !signature) return { code: malformed(token) };
  return { claims, part: payload, signature };
}

/**
 * Verifies the signature by RS256, whatever the header says (RFC 7515, section 5.2; RFC 7518, section 3.3). Synchronous:
 * the work takes some 20 µs, and the way to another thread and back takes longer. Tests compare every decision with jose's.
 *
 * @param key an RSA key; without other options, it is used with the padding of RS256 (PKCS #1 v1.5)
 * @see https://nodejs.org/api/crypto.html#cryptoverifyalgorithm-data-key-signature-callback
 */
export function isSignedWith(key: KeyObject, token: string, { signature }: UnverifiedPayload): boolean {
  return verify("sha256", Buffer.from(token.slice(0, token.lastIndexOf("."))), key, signature);
}

function malformed(token: string): RefusalCode {
  return isB64Token(token) ? "malformed-token" : "malformed-credentials";
}
