/** A client of a running local Entra: tokens for tests, the proof and the demo. */
import type { Forge } from "@restricted-calls/shared/testing/attacks";
import type { Endpoints } from "../system/endpoints.ts";

/**
 * Has the local Entra mint a token.
 *
 * @param control the control address
 * @param request the body that `entra/control.ts` describes
 */
export async function mintToken(control: string, request: object): Promise<string> {
  const response = await fetch(`${control}/tokens`, { method: "POST", body: JSON.stringify(request) });
  if (!response.ok) throw new Error(`POST ${control}/tokens returned ${response.status}: ${await response.text()}`);
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

/**
 * Forged tokens for the attack catalogue.
 *
 * @param api the attacked service
 * @param caller the identity that may call it
 */
export function forgeOf({ apis, entra, identities }: Endpoints, api: string, caller: string): Forge {
  return {
    apiClientId: apis[api]?.clientId ?? "",
    tenantId: entra.tenantId,
    callerId: identities[caller]?.clientId ?? "",
    token: (changes = {}) => mintToken(entra.control, { as: caller, api, ...changes }),
    text: (texts) => mintToken(entra.control, { as: caller, api, texts }),
  };
}

/**
 * A token of a managed identity, from the App Service endpoint, which caches it for a day.
 *
 * @throws Error with the response, where there is no token
 */
export async function managedIdentityToken(
  { entra, identities }: Endpoints,
  identity: string,
  resource: string,
): Promise<string> {
  const client_id = identities[identity]?.clientId ?? "";
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id });
  const headers = { "X-IDENTITY-HEADER": entra.identityHeader };
  const response = await fetch(`${entra.managedIdentityEndpoint}?${query.toString()}`, { headers });
  if (!response.ok) throw new Error(`No token for ${identity}: ${response.status} ${await response.text()}`);
  return ((await response.json()) as { access_token: string }).access_token;
}
