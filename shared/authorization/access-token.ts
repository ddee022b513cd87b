import { compactVerify, type CryptoKey, errors } from "jose";
import { type Claims, readClaims } from "./claims.ts";
import type { RefusalCode } from "./refusals.ts";
import { decodePart } from "./strict-json.ts";

/** No Entra token comes near this many characters; beyond it nothing is parsed. */
const MAX_TOKEN_LENGTH = 16 * 1024;

/**
 * Header parameters that name a key or change how the token is read. Entra sends none of them: a token with one is
 * somebody's attempt to bring his own key, or to be read differently here than elsewhere (RFC 7515, section 4.1).
 */
const FORBIDDEN_PARAMETERS = ["jku", "jwk", "x5u", "x5c", "crit", "b64", "zip", "enc"];

/**
 * Reads a token's header without believing it.
 *
 * @returns the id of the key that is said to have signed the token, or why it cannot be an Entra access token
 * @see https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference#header-claims `typ` is `JWT`,
 *   not the `at+jwt` of RFC 9068, and access tokens are signed with RS256
 */
export function readHeader(token: string): { readonly keyId: string } | { readonly code: RefusalCode } {
  if (token.length > MAX_TOKEN_LENGTH) return { code: "malformed-token" };
  const header = decodePart(token.slice(0, token.indexOf(".")));
  if (header === undefined) return { code: "malformed-token" };
  const { alg, typ, kid } = header;
  if (alg !== "RS256") return { code: "algorithm-not-allowed" };
  if (typ !== "JWT" || typeof kid !== "string" || kid === "") return { code: "malformed-token" };
  if (FORBIDDEN_PARAMETERS.some((parameter) => Object.hasOwn(header, parameter))) return { code: "malformed-token" };
  return { keyId: kid };
}

/** Reads a token's claims without believing them; undefined where the token is malformed. */
export function readPayload(token: string): Claims | undefined {
  const parts = token.split(".");
  const [, payload = "", signature = ""] = parts;
  if (parts.length !== 3 || !isCanonical(signature)) return undefined;
  const content = decodePart(payload);
  return content && readClaims(content);
}

/** Verifies the signature (RFC 7515, section 5.2). */
export async function isSignedWith(key: CryptoKey, token: string): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: ["RS256"] });
    return true;
  } catch (error) {
    if (error instanceof errors.JOSEError) return false;
    throw error;
  }
}

/** Base64url in its one canonical form, and not empty: else one signature could be written in several ways. */
function isCanonical(part: string): boolean {
  return part !== "" && Buffer.from(part, "base64url").toString("base64url") === part;
}
