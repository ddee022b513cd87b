/** Client assertions (RFC 7523): a client proves its identity by its certificate, or by a federated credential. */
import { createHash, X509Certificate } from "node:crypto";
import { compactVerify, decodeJwt, decodeProtectedHeader, type JWTPayload, type ProtectedHeaderParameters } from "jose";
import type { ClientAuthenticationMethod, ClientCredentials } from "./client-authentication.ts";
import type { Identity } from "./directory.ts";
import { EntraError } from "./entra-error.ts";
import type { SigningKeys } from "./signing-keys.ts";

const JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const CLOCK_TOLERANCE_SECONDS = 300;

/**
 * Authentication by certificate: an assertion signed with its key, as PS256 with the thumbprint in `x5t#S256`
 * (https://learn.microsoft.com/entra/identity-platform/certificate-credentials). `certificates` holds those registered, in
 * PEM, by identity name. Accepts an assertion once. Microsoft does not document whether Entra does that, too.
 *
 * @param audiences accepted in `aud`: the tenant's token endpoint
 */
export function clientCertificate(
  certificates: Readonly<Record<string, string>>,
  audiences: readonly string[],
): ClientAuthenticationMethod {
  /** When each used assertion ends, in Unix seconds, by its `jti`. */
  const used = new Map<string, number>();

  function requireFirstUse({ jti, exp = 0 }: ClientAssertion["claims"]): void {
    const now = Date.now() / 1000;
    for (const [id, end] of used) if (end < now - CLOCK_TOLERANCE_SECONDS) used.delete(id);
    if (jti === undefined || used.has(jti)) {
      throw new EntraError("invalidJwt", "The client assertion has no 'jti', or one that was used before.");
    }
    used.set(jti, exp);
  }

  return async (credentials, client) => {
    const assertion = clientAssertion(credentials);
    const thumbprint = assertion?.header["x5t#S256"];
    if (assertion === undefined || typeof thumbprint !== "string") return undefined;
    await requireCertificate(assertion, thumbprint, client, certificates[client.name]);
    const { iss, sub, aud } = assertion.claims;
    if (iss !== client.clientId || sub !== client.clientId) {
      throw new EntraError(
        "assertionClient",
        "Client assertion application identifier doesn't match 'client_id' parameter.",
      );
    }
    if (typeof aud !== "string" || !audiences.includes(aud)) {
      throw new EntraError("assertionAudience", "Client assertion audience claim does not match Realm issuer.");
    }
    requireLifetime(assertion);
    requireFirstUse(assertion.claims);
    return "2";
  };
}

/** An identity of another issuer that may authenticate as an app registration. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  /** One of them must be in `aud`. */
  readonly audiences: readonly string[];
}

/**
 * Authentication by federated credential: another issuer's token replaces the secret. Here that issuer is this tenant, for
 * its managed identities
 * (https://learn.microsoft.com/entra/workload-id/workload-identity-federation-config-app-trust-managed-identity).
 *
 * @param registered the federated credentials by identity name
 */
export function federatedCredential(
  registered: Readonly<Record<string, readonly FederatedCredential[]>>,
  keys: SigningKeys,
): ClientAuthenticationMethod {
  async function requireSignature({ jwt, header }: ClientAssertion): Promise<void> {
    const key = keys.published.find(({ kid }) => kid === header.kid);
    const isSigned = key && (await compactVerify(jwt, key.publicKey, { algorithms: ["RS256"] }).catch(() => false));
    if (!isSigned)
      throw new EntraError("invalidJwt", "JWT token is invalid or malformed: its signature does not match.");
  }

  return async (credentials, client) => {
    const assertion = clientAssertion(credentials);
    if (assertion === undefined) return undefined;
    const { iss = "", sub = "", aud } = assertion.claims;
    const byIssuer = (registered[client.name] ?? []).filter(({ issuer }) => issuer === iss);
    if (byIssuer.length === 0) noMatch("federatedIssuer", "issuer", iss);
    await requireSignature(assertion);
    const bySubject = byIssuer.filter(({ subject }) => subject === sub);
    if (bySubject.length === 0) noMatch("federatedSubject", "subject", sub);
    if (!bySubject.some(({ audiences }) => typeof aud === "string" && audiences.includes(aud))) {
      noMatch("federatedAudience", "audience", String(aud));
    }
    requireLifetime(assertion);
    return "2";
  };
}

/** A client assertion, decoded and not yet verified. */
interface ClientAssertion {
  readonly jwt: string;
  readonly header: ProtectedHeaderParameters;
  readonly claims: JWTPayload;
}

/** The assertion among the credentials; undefined where there is none. Throws AADSTS50027 for one that is no JWT. */
function clientAssertion({ assertion: jwt, assertionType }: ClientCredentials): ClientAssertion | undefined {
  if (jwt === undefined) return undefined;
  if (assertionType !== JWT_BEARER) {
    throw new EntraError("missingParameter", `'client_assertion_type' must be '${JWT_BEARER}'.`);
  }
  try {
    return { jwt, header: decodeProtectedHeader(jwt), claims: decodeJwt(jwt) };
  } catch {
    throw new EntraError("invalidJwt", "JWT token is invalid or malformed.");
  }
}

/** Throws AADSTS700024 outside the assertion's lifetime, and for one that does not expire. */
function requireLifetime({ claims: { nbf = 0, exp = 0 } }: ClientAssertion): void {
  const now = Date.now() / 1000;
  if (nbf <= now + CLOCK_TOLERANCE_SECONDS && exp > now - CLOCK_TOLERANCE_SECONDS) return;
  throw new EntraError("assertionTimes", "Client assertion is not within its valid time range.");
}

async function requireCertificate(
  { jwt }: ClientAssertion,
  thumbprint: string,
  client: Identity,
  registered: string | undefined,
): Promise<void> {
  const certificate = registered === undefined ? undefined : new X509Certificate(registered);
  const expected = certificate && createHash("sha256").update(certificate.raw).digest("base64url");
  const refuse = (reason: string): never => {
    throw new EntraError(
      "unknownCertificate",
      `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - ${reason}, Thumbprint of key used by client: '${thumbprint}'] App: '${client.clientId}'.`,
    );
  };
  if (certificate === undefined || expected !== thumbprint) return refuse("The key was not found.");
  await compactVerify(jwt, certificate.publicKey, { algorithms: ["PS256"] }).catch(() =>
    refuse("The key was found, but the signature does not match."),
  );
}

function noMatch(
  refusal: "federatedIssuer" | "federatedSubject" | "federatedAudience",
  what: string,
  value: string,
): never {
  throw new EntraError(
    refusal,
    `No matching federated identity record found for presented assertion ${what} '${value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion.`,
  );
}
