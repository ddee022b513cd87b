/** Tokens as an attacker may send them, for tests and the proof. */
import { createHmac, KeyObject, sign as signBytes } from "node:crypto";
import { type Tenant, tokenContents } from "./access-token.ts";
import type { ApiRegistration, Identity } from "./directory.ts";
import type { SigningKey } from "./signing-keys.ts";

/** How a token is signed: by a published key, a withdrawn key, a key never published, not at all, or as an HMAC with the public key. */
export const signatures = ["current", "retired", "unknown", "none", "hs256-public-key"] as const;
export type Signature = (typeof signatures)[number];

interface Forgery {
  readonly identity: Identity;
  readonly api: ApiRegistration;
  /** Each field replaces the genuine one; null removes it. They do not change how the token is signed. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Replace the whole header or payload. They need not be JSON. */
  readonly texts: { readonly header?: string; readonly payload?: string };
  readonly signature: Signature;
}

/**
 * Makes any token, however wrong: an attacker may send it, and a library that issues tokens rightly refuses to make it. Does
 * not check whether the identity has a role on the API.
 */
export async function forgeToken(
  tenant: Tenant,
  { identity, api, header, claims, texts, signature }: Forgery,
): Promise<string> {
  const { authority, keys, log } = tenant;
  const key =
    signature === "retired" ? await keys.retired() : signature === "unknown" ? await keys.unknown() : keys.current;
  const authenticated = identity.kind === "managed-identity" ? "2" : "1";
  const genuine = tokenContents({ authority, identity, api, authenticated, lifetimeSeconds: 3600 }, key);
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
