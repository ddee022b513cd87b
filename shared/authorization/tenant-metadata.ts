// Fetches the tenant's metadata and its key set.
import { KeyObject } from "node:crypto";
import { importJWK } from "jose";
import * as v from "valibot";
import { isSecure } from "../settings.ts";
import { fromCanonicalBase64Url } from "./strict-json.ts";

/** What a tenant publishes about its tokens. */
export interface TenantKeys {
  readonly issuers: { readonly "1.0": string; readonly "2.0": string };
  /** Signing keys by key id. */
  readonly keys: ReadonlyMap<string, PublishedKey>;
}

export interface PublishedKey {
  readonly key: KeyObject;
  /** Equal for equal keys. */
  readonly fingerprint: string;
}

/** RFC 7518, section 3.3: the smallest modulus for RS256. */
const MIN_MODULUS_BITS = 2048;

/** FIPS 186-5, appendix A.1.1: a public exponent is larger than 2^16. With 1, the signature equals the signed value, so anyone can forge it. */
const MIN_EXPONENT = 65_537n;

/** The timeout of a document, in milliseconds. */
const FETCH_TIMEOUT_MS = 5_000;

/** The largest document, in bytes. Entra's have a few kilobytes. */
const MAX_DOCUMENT_BYTES = 256 * 1024;

const metadataSchema = v.object({
  issuer: v.string(),
  jwks_uri: v.string(),
  cloud_instance_name: v.optional(v.string()),
});

const jwksSchema = v.object({ keys: v.array(v.unknown()) });

/** What `use`, `key_ops` and `alg` may say of a key that verifies RS256: RFC 7517, sections 4.2 to 4.4. */
const signingKeySchema = v.object({
  kty: v.literal("RSA"),
  kid: v.pipe(v.string(), v.nonEmpty()),
  use: v.optional(v.literal("sig")),
  key_ops: v.optional(v.pipe(v.array(v.string()), v.includes("verify"))),
  alg: v.optional(v.literal("RS256")),
  n: v.string(),
  e: v.string(),
  issuer: v.optional(v.string()),
  cloud_instance_name: v.optional(v.string()),
});
type SigningKey = v.InferOutput<typeof signingKeySchema>;

/**
 * Fetches the tenant's OpenID Connect metadata and its key set. The v1.0 document is read for its issuer, which lives
 * on another host than the authority.
 *
 * @param authority the authority's origin, `https://login.microsoftonline.com` at Microsoft
 * @throws Error where a document cannot be fetched, is too large, or does not belong to this tenant
 * @see https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
 */
export async function fetchTenantKeys(authority: string, tenantId: string): Promise<TenantKeys> {
  const tenant = `${authority}/${tenantId}`;
  const [v1, v2] = (await Promise.all(
    [tenant, `${tenant}/v2.0`].map((base) => fetchDocument(`${base}/.well-known/openid-configuration`, metadataSchema)),
  )) as [v.InferOutput<typeof metadataSchema>, v.InferOutput<typeof metadataSchema>];
  requireThat(v2.issuer === `${tenant}/v2.0`, "the v2.0 metadata names another issuer than this tenant's");
  requireThat(isTenantUrl(v1.issuer, tenantId), "the v1.0 metadata names another issuer than this tenant's");
  const cloud = cloudOf(authority);
  for (const { cloud_instance_name: named = cloud } of [v1, v2]) {
    requireThat(named === cloud, `the metadata is of another cloud than ${authority}: use that cloud's authority`);
  }
  requireThat(new URL(v2.jwks_uri).origin === authority, "the metadata points to keys on another host");
  const { keys } = await fetchDocument(v2.jwks_uri, jwksSchema);
  const isOurs = ({ issuer, cloud_instance_name: named = cloud }: SigningKey): boolean =>
    (issuer === undefined || issuer.replace("{tenantid}", tenantId) === v2.issuer) && named === cloud;
  return { issuers: { "1.0": v1.issuer, "2.0": v2.issuer }, keys: await importKeys(keys, isOurs) };
}

/**
 * The cloud that an authority belongs to, as `cloud_instance_name` names it: `microsoftonline.com` in the public cloud,
 * `microsoftonline.us` in the one of the US government. The key set of the public cloud has held keys of that one, for
 * the same issuer.
 *
 * @see https://learn.microsoft.com/dotnet/api/microsoft.identitymodel.validators.aadtokenvalidationparametersextension.enableentraidsigningkeycloudinstancevalidation
 */
function cloudOf(authority: string): string {
  return new URL(authority).hostname.replace(/^login\./, "");
}

/**
 * Skips keys that cannot have signed an access token of this tenant. Each key is checked alone, so that an unusable one does
 * not disqualify the others.
 *
 * @param isOurs whether a key signs for this tenant: a key says for which issuer it does, and `{tenantid}` stands for any
 *   tenant
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signing-key-issuer
 */
async function importKeys(
  published: readonly unknown[],
  isOurs: (key: SigningKey) => boolean,
): Promise<ReadonlyMap<string, PublishedKey>> {
  const keys = new Map<string, PublishedKey>();
  for (const jwk of published) {
    const { success, output } = v.safeParse(signingKeySchema, jwk);
    if (!success || !isStrong(output) || !isOurs(output)) continue;
    const { kid, n, e } = output;
    const key = await importJWK({ kty: "RSA", n, e, alg: "RS256" }).catch(() => undefined);
    if (key !== undefined && !(key instanceof Uint8Array))
      keys.set(kid, { key: KeyObject.from(key), fingerprint: `${n}.${e}` });
  }
  requireThat(keys.size > 0, "the key set holds no RSA signing key of this tenant");
  return keys;
}

/** Compares the numbers: leading zeros do not count as length. */
function isStrong({ n, e }: SigningKey): boolean {
  return integer(n).toString(2).length >= MIN_MODULUS_BITS && integer(e) >= MIN_EXPONENT;
}

/** Base64urlUInt: RFC 7518, section 2. */
function integer(text: string): bigint {
  return BigInt(`0x0${fromCanonicalBase64Url(text)?.toString("hex") ?? ""}`);
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
  requireThat(response.status === 200, `${url} responded with ${response.status}`);
  const { success, output } = v.safeParse(schema, JSON.parse(await readLimited(response)));
  if (!success) throw new Error(`${url} responded with an unexpected document`);
  return output;
}

async function readLimited(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.byteLength;
    requireThat(size <= MAX_DOCUMENT_BYTES, `${response.url} responded with more than ${MAX_DOCUMENT_BYTES} bytes`);
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
