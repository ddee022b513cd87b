import { generateKeyPairSync } from "node:crypto";
import type { TokenCredential } from "@azure/identity";
import { decodeJwt, SignJWT } from "jose";
import { identifierUri, type Scene, type SceneService } from "../view.ts";
import { once, type Read } from "../azure/reading.ts";
import { failureOf } from "../azure/api.ts";

/** What came of asking Entra ID for a token of a service, as whoever runs the verification. */
export type SignedIn =
  | { readonly kind: "token"; readonly token: string; readonly principalId: string | null }
  | { readonly kind: "refused"; readonly code: string }
  | { readonly kind: "unknown"; readonly reason: string };

/**
 * Entra ID's ways to say that this client gets no token for that service: an app, or a user, that is assigned nothing; a
 * client that nobody has consented to, or that does not name the service among what it needs.
 *
 * @see https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
const NOT_ENTITLED = new Set(["AADSTS501051", "AADSTS50105", "AADSTS65001", "AADSTS650057"]);

export async function signedIn(
  credential: TokenCredential,
  { deployment }: Scene,
  service: SceneService,
): Promise<SignedIn> {
  const scope = `${identifierUri(deployment, service.name)}/.default`;
  try {
    const token = await credential.getToken(scope, { tenantId: deployment.tenantId });
    if (token === null) return { kind: "unknown", reason: "No credential gave a token, nor said why." };
    return { kind: "token", token: token.token, principalId: principalOf(token.token) };
  } catch (error) {
    const codes = error instanceof Error ? [...error.message.matchAll(/AADSTS\d+/g)].map(([code]) => code) : [];
    const refusal = codes.find((code) => NOT_ENTITLED.has(code));
    if (refusal !== undefined) return { kind: "refused", code: refusal };
    return { kind: "unknown", reason: `No token for ${service.name}: ${failureOf(error)}.` };
  }
}

/** All of it is as in a caller's own token, but that it is signed by a key that nobody has published. */
export async function forgedToken(
  { deployment, authorityHost }: Scene,
  service: SceneService,
  caller: { readonly clientId: Read<string> } | undefined,
  roles: readonly string[],
): Promise<string> {
  const application = await service.api?.application();
  const client = await caller?.clientId();
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: `${authorityHost}/${deployment.tenantId}/v2.0`,
    aud: application?.kind === "found" ? application.value.appId : identifierUri(deployment, service.name),
    tid: deployment.tenantId,
    azp: client?.kind === "found" ? client.value : "00000000-0000-0000-0000-000000000000",
    idtyp: "app",
    roles,
    iat: now,
    nbf: now,
    exp: now + 3600,
    ver: "2.0",
  };
  return new SignJWT(claims).setProtectedHeader({ typ: "JWT", alg: "RS256", kid: "forged" }).sign(strangersKey());
}

function principalOf(token: string): string | null {
  try {
    const { oid } = decodeJwt(token);
    return typeof oid === "string" ? oid : null;
  } catch {
    return null;
  }
}

/** A key of nobody's; making one takes a while. */
const strangersKey = once(() => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey);
