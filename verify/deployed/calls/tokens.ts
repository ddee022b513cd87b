/** Tokens for calls from this machine: the signed-in account's, and a forged one. */
import { generateKeyPairSync } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import { decodeJwt, SignJWT } from "jose";
import { failureOf } from "../azure/api.ts";
import { once } from "../azure/reading.ts";
import type { Deployment } from "../environment.ts";
import { identifierUri } from "../expected.ts";
import type { Client, DeploymentView, ServiceView } from "../view.ts";

/** The result of asking Entra ID for a token for a service, with the account of this machine. */
export type SignedIn =
  | { readonly kind: "token"; readonly token: string; readonly principalId: string | null }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unknown"; readonly reason: string };

/**
 * Entra ID issues no token to this client: an app or user without an assignment, a client without consent, or one that does
 * not list the service among its required permissions.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const NOT_ENTITLED = new Set(["AADSTS501051", "AADSTS50105", "AADSTS65001", "AADSTS650057"]);

export async function signedIn(
  credential: TokenCredential,
  deployment: Deployment,
  service: ServiceView,
): Promise<SignedIn> {
  const scope = `${service.api?.identifierUri ?? ""}/.default`;
  try {
    const token = await credential.getToken(scope, { tenantId: deployment.tenantId });
    if (token === null) return { kind: "unknown", reason: "No credential returned a token or a reason." };
    return { kind: "token", token: token.token, principalId: principalOf(token.token) };
  } catch (error) {
    const codes = error instanceof Error ? [...error.message.matchAll(/AADSTS\d+/g)].map(([code]) => code) : [];
    const refusal = codes.find((code) => NOT_ENTITLED.has(code));
    if (refusal !== undefined) return { kind: "refused", code: refusal };
    return { kind: "unknown", reason: `No token for ${service.name}: ${failureOf(error)}.` };
  }
}

/** Has the claims of a caller's token. Its key is not published. */
export async function forgedToken(
  { deployment, authorityHost }: DeploymentView,
  service: ServiceView,
  caller: Client | undefined,
): Promise<string> {
  const application = await service.registration?.application();
  const client = await caller?.clientId();
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: `${authorityHost}/${deployment.tenantId}/v2.0`,
    aud: application?.kind === "found" ? application.value.appId : identifierUri(deployment, service.name),
    tid: deployment.tenantId,
    azp: client?.kind === "found" ? client.value : "00000000-0000-0000-0000-000000000000",
    idtyp: "app",
    roles: service.callers[caller?.name ?? ""] ?? [],
    iat: now,
    nbf: now,
    exp: now + 3600,
    ver: "2.0",
  };
  return new SignJWT(claims).setProtectedHeader({ typ: "JWT", alg: "RS256", kid: "forged" }).sign(unpublishedKey());
}

function principalOf(token: string): string | null {
  try {
    const { oid } = decodeJwt(token);
    return typeof oid === "string" ? oid : null;
  } catch {
    return null;
  }
}

/** Generating a key takes a while. */
const unpublishedKey = once(() => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
