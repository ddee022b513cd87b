import { createHmac, KeyObject, sign as signBytes } from "node:crypto";
import { tokenContents } from "./access-token.ts";
import type { ApiRegistration, Identity } from "./directory.ts";
import type { Tenant } from "./issue-token.ts";
import type { SigningKey } from "./signing-keys.ts";

/** Whose signature a token carries: a published key's, a withdrawn one's, a stranger's, none, or an HMAC with the public key. */
export const signatures = ["current", "retired", "unknown", "none", "hs256-public-key"] as const;
export type Signature = (typeof signatures)[number];

interface Forgery {
  readonly identity: Identity;
  readonly api: ApiRegistration;
  /** Each field replaces what would be there; null removes it. How the token is signed stays the same. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Texts that are signed as they stand, whatever they say, in place of the header or the claims. */
  readonly texts: { readonly header?: string; readonly payload?: string };
  readonly signature: Signature;
}

/**
 * Any token, however wrong: this is what an attacker may send, and what a library that issues tokens rightly refuses to
 * make. Assignment is not asked for.
 */
export async function forgeToken(
  tenant: Tenant,
  { identity, api, header, claims, texts, signature }: Forgery,
): Promise<string> {
  const { authority, keys, log } = tenant;
  const key =
    signature === "retired" ? await keys.retired() : signature === "unknown" ? await keys.unknown() : keys.current;
  const authenticated = identity.kind === "managed-identity" ? "2" : "1";
  const genuine = tokenContents({ authority, identity, api, authenticated, lifetime: 3600 }, key);
  const algorithm = { none: "none", "hs256-public-key": "HS256", current: "RS256", retired: "RS256", unknown: "RS256" };
  const signed = [
    texts.header ?? JSON.stringify(replaced({ ...genuine.header, alg: algorithm[signature] }, header)),
    texts.payload ?? JSON.stringify(replaced(genuine.claims, claims)),
  ]
    .map((text) => Buffer.from(text).toString("base64url"))
    .join(".");
  log(`Token made on request as ${identity.name} for ${api.service}, signature: ${signature}`);
  return `${signed}.${signatureOf(signed, signature, key).toString("base64url")}`;
}

function replaced(genuine: object, replacements: object): object {
  return Object.fromEntries(Object.entries({ ...genuine, ...replacements }).filter(([, value]) => value !== null));
}

function signatureOf(signed: string, signature: Signature, key: SigningKey): Buffer {
  if (signature === "none") return Buffer.alloc(0);
  if (signature === "hs256-public-key") {
    const publicKey = KeyObject.from(key.publicKey).export({ type: "spki", format: "pem" });
    return createHmac("sha256", publicKey).update(signed).digest();
  }
  return signBytes("sha256", Buffer.from(signed), KeyObject.from(key.privateKey));
}
