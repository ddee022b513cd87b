import { SignJWT, type JWTHeaderParameters, type JWTPayload } from "jose";
import { randomBytes } from "node:crypto";
import { rolesOn, type ApiRegistration, type Identity } from "./directory.ts";
import type { SigningKey } from "./signing-keys.ts";

/** How a client authenticated: a secret is "1"; a certificate, and so a managed identity, is "2" (`azpacr`, `appidacr`). */
export type ClientAuthenticationClass = "1" | "2";

/** What a token says, and its header. */
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
  /** Seconds from now until the token expires. */
  readonly lifetime: number;
}

/** Entra dates a token back, for clocks that run behind. Seconds. */
const backdated = 300;

/**
 * Header and claims of an access token as Entra issues it to a client for itself, of the version the API asks for
 * (https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference).
 */
export function tokenContents(request: TokenRequest, key: Pick<SigningKey, "kid">): TokenContents {
  const { identity, api, lifetime } = request;
  const now = Math.floor(Date.now() / 1000);
  const roles = rolesOn(api, identity);
  const common = {
    iat: now - backdated,
    nbf: now - backdated,
    exp: now + lifetime,
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

/** Signs a token's contents with a key, as RS256. */
export function sign({ header, claims }: TokenContents, key: SigningKey): Promise<string> {
  return new SignJWT(claims).setProtectedHeader(header).sign(key.privateKey);
}

/** The issuer of v2.0 tokens: the tenant at the authority. */
export function issuerOfVersion2(authority: string, tenantId: string): string {
  return `${authority}/${tenantId}/v2.0`;
}

/** The issuer of v1.0 tokens: the same host for every tenant of the public cloud, whatever the authority. */
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

/** Stands for a value that only Entra can read (`aio`, `rh`, `uti`: "opaque", says the reference). */
function opaque(bytes: number): string {
  return randomBytes(bytes).toString("base64url");
}
