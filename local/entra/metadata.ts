/** The documents that clients of the local Entra read first: OpenID Connect metadata, key sets, instance discovery. */
import { issuerOfVersion1, issuerOfVersion2 } from "./access-token.ts";
import type { SigningKey } from "./signing-keys.ts";

/**
 * The tenant's OpenID Connect metadata in the shape that Entra publishes
 * (https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc). Only the v2.0 token endpoint and the keys exist
 * here; the other addresses are named because clients require them.
 */
export function metadata(version: 1 | 2, authority: string, tenantId: string): object {
  const tenant = `${authority}/${tenantId}`;
  const oauth = version === 2 ? `${tenant}/oauth2/v2.0` : `${tenant}/oauth2`;
  return {
    token_endpoint: `${oauth}/token`,
    token_endpoint_auth_methods_supported: ["client_secret_post", "private_key_jwt", "client_secret_basic"],
    jwks_uri: version === 2 ? `${tenant}/discovery/v2.0/keys` : `${tenant}/discovery/keys`,
    response_modes_supported: ["query", "fragment", "form_post"],
    subject_types_supported: ["pairwise"],
    id_token_signing_alg_values_supported: ["RS256"],
    response_types_supported: [
      "code",
      "id_token",
      "code id_token",
      version === 2 ? "id_token token" : "token id_token",
    ],
    scopes_supported: version === 2 ? ["openid", "profile", "email", "offline_access"] : ["openid"],
    issuer: version === 2 ? issuerOfVersion2(authority, tenantId) : issuerOfVersion1(tenantId),
    authorization_endpoint: `${oauth}/authorize`,
    end_session_endpoint: `${oauth}/logout`,
    claims_supported: ["sub", "iss", "cloud_instance_name", "aud", "exp", "iat", "acr", "nonce", "name", "tid", "ver"],
    tenant_region_scope: "WW",
    cloud_instance_name: cloudOf(authority),
  };
}

/**
 * The published keys. Each key of v2.0 names its cloud and its issuer; those of v1.0 do not.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/access-tokens#validate-the-signing-key-issuer
 */
export function keySet(version: 1 | 2, keys: readonly SigningKey[], authority: string, tenantId: string): object {
  const signsFor = { cloud_instance_name: cloudOf(authority), issuer: issuerOfVersion2(authority, tenantId) };
  return { keys: keys.map(({ jwk }) => (version === 2 ? { ...jwk, ...signsFor } : jwk)) };
}

/** `microsoftonline.com` where the authority is `https://login.microsoftonline.com`. */
function cloudOf(authority: string): string {
  return new URL(authority).hostname.replace(/^login\./, "");
}

/** Instance discovery: MSAL asks an unknown authority which hosts belong to one cloud. */
export function instanceDiscovery(authority: string, tenantId: string): object {
  const { host } = new URL(authority);
  return {
    tenant_discovery_endpoint: `${authority}/${tenantId}/v2.0/.well-known/openid-configuration`,
    "api-version": "1.1",
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  };
}
