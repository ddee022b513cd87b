import { createHash, X509Certificate } from "node:crypto";
import { compactVerify } from "jose";
import type { Identity } from "../directory.ts";
import { EntraError } from "../entra-error.ts";
import { type ClientAssertion, clientAssertion, clockTolerance, requireLifetime } from "./client-assertion.ts";
import type { ClientAuthenticationMethod } from "./client-authentication.ts";

/**
 * Authentication by certificate: an assertion signed with its key, as PS256 with the thumbprint in `x5t#S256`
 * (https://learn.microsoft.com/entra/identity-platform/certificate-credentials). `certificates` holds those registered, in
 * PEM, by identity name. An assertion is good for one use; Entra does not say that it insists on that.
 *
 * @param audiences what the assertion may be for: the tenant's token endpoint
 */
export function clientCertificate(
  certificates: Readonly<Record<string, string>>,
  audiences: readonly string[],
): ClientAuthenticationMethod {
  /** When each used assertion ends, in Unix seconds, by its `jti`. */
  const used = new Map<string, number>();

  function requireFirstUse({ jti, exp = 0 }: ClientAssertion["claims"]): void {
    const now = Date.now() / 1000;
    for (const [id, end] of used) if (end < now - clockTolerance) used.delete(id);
    if (jti === undefined || used.has(jti)) {
      throw new EntraError("invalidJwt", "The client assertion has no 'jti', or one that was used before.");
    }
    used.set(jti, exp);
  }

  return async (credentials, client) => {
    const assertion = clientAssertion(credentials);
    const thumbprint = assertion?.header["x5t#S256"];
    if (assertion === undefined || typeof thumbprint !== "string") return undefined;
    await requireSignature(assertion, thumbprint, client, certificates[client.name]);
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

async function requireSignature(
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
