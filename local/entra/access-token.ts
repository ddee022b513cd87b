/** Access tokens as Entra ID issues them: who gets one for which API, and which claims it has. */
import { SignJWT, type JWTHeaderParameters, type JWTPayload } from "jose";
import { randomBytes } from "node:crypto";
import { type ApiRegistration, type Directory, findResource, type Identity, rolesOn } from "./directory.ts";
import { EntraError } from "./entra-error.ts";
import type { SigningKey, SigningKeys } from "./signing-keys.ts";

/** The local tenant: what is registered in it, and what it signs with. */
export interface Tenant {
  readonly authority: string;
  readonly directory: Directory;
  readonly keys: SigningKeys;
  readonly log: (line: string) => void;
}

/** How a client authenticated: a secret is "1"; a certificate, and so a managed identity, is "2" (`azpacr`, `appidacr`). */
export type ClientAuthenticationClass = "1" | "2";

/** A token before it is signed. */
export interface TokenContents {
  readonly header: JWTHeaderParameters;
  readonly claims: JWTPayload & { readonly exp: number };
}

export interface TokenRequest {
  /** Origin of the authority, without trailing slash. */
  readonly authority: string;
  readonly identity: Identity;
  readonly api: ApiRegistration;
  readonly authenticated: ClientAuthenticationClass;
  /** From now until the token expires. */
  readonly lifetimeSeconds: number;
}

/** Entra dates a token back, for clocks that run behind. */
const BACKDATED_SECONDS = 300;

/**
 * Issues an access token.
 *
 * @param resource identifier URI or client id of the API
 * @returns the token, and when it expires (Unix seconds)
 * @throws EntraError AADSTS500011 for a resource that is not registered, AADSTS501051 where assignment is required and the
 *   client has no role (https://learn.microsoft.com/entra/identity-platform/howto-restrict-your-app-to-a-set-of-users)
 */
export async function issueToken(
  tenant: Tenant,
  resource: string,
  request: Omit<TokenRequest, "authority" | "api">,
): Promise<{ token: string; expires: number }> {
  const { directory, keys, authority, log } = tenant;
  const { identity } = request;
  const api = findResource(directory, resource);
  if (!api) {
    throw new EntraError(
      "unknownResource",
      `The resource principal named ${resource} was not found in the tenant named ${directory.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
  const roles = rolesOn(api, identity);
  if (api.assignmentRequired && roles.length === 0) {
    throw new EntraError(
      "notAssigned",
      `Application '${identity.clientId}'(${identity.name}) is not assigned to a role for the application '${resource}'(${api.service}).`,
    );
  }
  const contents = tokenContents({ ...request, authority, api }, keys.current);
  const token = await new SignJWT(contents.claims).setProtectedHeader(contents.header).sign(keys.current.privateKey);
  log(`Token issued to ${identity.name} for ${api.service}, roles: ${roles.join(", ") || "none"}`);
  return { token, expires: contents.claims.exp };
}

/**
 * Header and claims of an access token as Entra issues it to a client for itself, of the version the API asks for
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
 */
export function tokenContents(request: TokenRequest, key: Pick<SigningKey, "kid">): TokenContents {
  const { identity, api, lifetimeSeconds } = request;
  const now = Math.floor(Date.now() / 1000);
  const roles = rolesOn(api, identity);
  const common = {
    iat: now - BACKDATED_SECONDS,
    nbf: now - BACKDATED_SECONDS,
    exp: now + lifetimeSeconds,
    aio: opaque(36),
    idtyp: "app",
    oid: identity.principalId,
    rh: `1.${opaque(33)}`,
    ...(roles.length > 0 && { roles: [...roles] }),
    sub: identity.principalId,
    tid: identity.tenantId,
    uti: opaque(16),
  };
  const header = { typ: "JWT", alg: "RS256" };
  return api.requestedAccessTokenVersion === 2
    ? { header: { ...header, kid: key.kid }, claims: { ...version2(request), ...common, ver: "2.0" } }
    : { header: { ...header, x5t: key.kid, kid: key.kid }, claims: { ...version1(request), ...common, ver: "1.0" } };
}

/** The issuer of v2.0 tokens: the tenant at the authority. */
export function issuerOfVersion2(authority: string, tenantId: string): string {
  return `${authority}/${tenantId}/v2.0`;
}

/** The issuer of v1.0 tokens: its host is the same for every tenant of the public cloud, and not the authority. */
export function issuerOfVersion1(tenantId: string): string {
  return `https://sts.windows.net/${tenantId}/`;
}

function version2({ authority, identity, api, authenticated }: TokenRequest): JWTPayload {
  return {
    aud: api.clientId,
    iss: issuerOfVersion2(authority, identity.tenantId),
    azp: identity.clientId,
    azpacr: authenticated,
  };
}

function version1({ identity, api, authenticated }: TokenRequest): JWTPayload {
  const issuer = issuerOfVersion1(identity.tenantId);
  return { aud: api.identifierUri, iss: issuer, appid: identity.clientId, appidacr: authenticated, idp: issuer };
}

/** A random value in place of one that only Entra can read (`aio`, `rh` and `uti` are "opaque" in the reference). */
function opaque(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
