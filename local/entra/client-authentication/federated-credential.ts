import { compactVerify } from "jose";
import { EntraError } from "../entra-error.ts";
import type { SigningKeys } from "../signing-keys.ts";
import { type ClientAssertion, clientAssertion, requireLifetime } from "./client-assertion.ts";
import type { ClientAuthenticationMethod } from "./client-authentication.ts";

/** A foreign identity that an app registration trusts to be itself. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  /** Any of these. */
  readonly audiences: readonly string[];
}

/**
 * Authentication by federated credential: another issuer's token in place of a secret. Here that issuer is this tenant,
 * for its managed identities
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
