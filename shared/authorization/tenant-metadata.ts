import { type CryptoKey, importJWK } from "jose";
import * as v from "valibot";
import { isSecure } from "../settings.ts";

/** What a tenant publishes about its tokens. */
export interface TenantKeys {
  readonly issuers: { readonly "1.0": string; readonly "2.0": string };
  /** Signing keys by key id. */
  readonly keys: ReadonlyMap<string, PublishedKey>;
}

export interface PublishedKey {
  readonly key: CryptoKey;
  /** Two keys are the same where this is the same. */
  readonly fingerprint: string;
}

/** RFC 7518, section 3.3: RS256 takes keys of this many bits at least. */
const MIN_MODULUS_BITS = 2048;

/** A document that takes longer than this, in milliseconds, is given up. */
const FETCH_TIMEOUT_MS = 5_000;

/** Entra's own documents have a few kilobytes; beyond this, in bytes, something else answers. */
const MAX_DOCUMENT_BYTES = 256 * 1024;

const metadataSchema = v.object({ issuer: v.string(), jwks_uri: v.string() });

const jwksSchema = v.object({ keys: v.pipe(v.array(v.looseObject({ kty: v.string() })), v.maxLength(100)) });

const signingKeySchema = v.object({
  kty: v.literal("RSA"),
  kid: v.pipe(v.string(), v.nonEmpty()),
  use: v.optional(v.literal("sig")),
  alg: v.optional(v.literal("RS256")),
  n: v.string(),
  e: v.string(),
});

/**
 * Fetches the tenant's OpenID Connect metadata and its key set. The v1.0 document is read for its issuer, which lives
 * on another host than the authority.
 *
 * @param authority the authority's origin, `https://login.microsoftonline.com` at Microsoft
 * @throws Error where a document cannot be had, is too large, or does not belong to this tenant
 * @see https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
 */
export async function fetchTenantKeys(authority: string, tenantId: string): Promise<TenantKeys> {
  const tenant = `${authority}/${tenantId}`;
  const [v1, v2] = (await Promise.all(
    [tenant, `${tenant}/v2.0`].map((base) => fetchDocument(`${base}/.well-known/openid-configuration`, metadataSchema)),
  )) as [v.InferOutput<typeof metadataSchema>, v.InferOutput<typeof metadataSchema>];
  requireThat(v2.issuer === `${tenant}/v2.0`, "the v2.0 metadata names another issuer than this tenant's");
  requireThat(isTenantUrl(v1.issuer, tenantId), "the v1.0 metadata names another issuer than this tenant's");
  requireThat(new URL(v2.jwks_uri).origin === authority, "the metadata points to keys on another host");
  const { keys } = await fetchDocument(v2.jwks_uri, jwksSchema);
  return { issuers: { "1.0": v1.issuer, "2.0": v2.issuer }, keys: await importKeys(keys) };
}

/** Keys that are no RSA signing keys are passed over: they cannot have signed an access token. */
async function importKeys(published: readonly unknown[]): Promise<ReadonlyMap<string, PublishedKey>> {
  const keys = new Map<string, PublishedKey>();
  for (const jwk of published) {
    const { success, output } = v.safeParse(signingKeySchema, jwk);
    if (!success || Buffer.from(output.n, "base64url").length * 8 < MIN_MODULUS_BITS) continue;
    const { kid, n, e } = output;
    const key = await importJWK({ kty: "RSA", n, e, alg: "RS256" });
    if (!(key instanceof Uint8Array)) keys.set(kid, { key, fingerprint: `${n}.${e}` });
  }
  requireThat(keys.size > 0, "the key set holds no RSA signing key");
  return keys;
}

async function fetchDocument<Schema extends v.GenericSchema>(
  url: string,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  requireThat(isSecure(url), "keys are fetched over https only");
  const response = await fetch(url, {
    headers: { Accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
  });
  requireThat(response.status === 200, `${url} answered ${response.status}`);
  const { success, output } = v.safeParse(schema, JSON.parse(await readLimited(response)));
  if (!success) throw new Error(`${url} answered something else than was expected`);
  return output;
}

async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    requireThat(size <= MAX_DOCUMENT_BYTES, `${response.url} answered more than ${MAX_DOCUMENT_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function isTenantUrl(url: string, tenantId: string): boolean {
  return URL.canParse(url) && isSecure(url) && new URL(url).pathname === `/${tenantId}/`;
}

function requireThat(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
