/** Requests to a running local Entra: tokens for tests, the proof and the demo. */
import type { Forge } from "@restricted-calls/shared/testing/attacks";
import type { Endpoints } from "../system/endpoints.ts";

/** Has the local Entra mint a token: what each request may say is in its control address's contract. */
export async function mintToken(control: string, request: object): Promise<string> {
  const response = await fetch(`${control}/tokens`, { method: "POST", body: JSON.stringify(request) });
  if (!response.ok) throw new Error(`The local Entra answered ${response.status}: ${await response.text()}`);
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

/** Has the local Entra forge tokens for the attack catalogue. */
export function forgeOf({ api, entra, identities }: Endpoints): Forge {
  return {
    apiClientId: api.clientId,
    tenantId: entra.tenantId,
    callerId: identities["caller-func"]?.clientId ?? "",
    token: (changes = {}) => mintToken(entra.control, changes),
    text: (texts) => mintToken(entra.control, { texts }),
  };
}

/** A token of an identity, as App Service gives it: kept for a day, whatever happens at Entra meanwhile. */
export async function managedIdentityToken(
  { entra, identities }: Endpoints,
  identity: string,
  resource: string,
): Promise<string> {
  const client_id = identities[identity]?.clientId ?? "";
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id });
  const headers = { "X-IDENTITY-HEADER": entra.identityHeader };
  const answer = await fetch(`${entra.managedIdentityEndpoint}?${query.toString()}`, { headers });
  return ((await answer.json()) as { access_token: string }).access_token;
}
