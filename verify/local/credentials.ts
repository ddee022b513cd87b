/** What each caller of the matrix sends: tokens of the local Entra, keys, or nothing. */
import type { Attack, AttackCredentials } from "@restricted-calls/shared/testing/attacks";
import { type Endpoints, forgeOf, mintToken } from "../../local/index.ts";
import type { TokenSource } from "../model/callers.ts";
import { exchange } from "../model/exchange.ts";
import type { Exchange } from "../model/report.ts";

/** What a caller sends, or the refusal of Entra ID to issue a token. */
export type Credentials = AttackCredentials | { readonly refusal: string | null; readonly exchange: Exchange };

/**
 * Gets a caller's credentials the way that caller gets them: a managed identity asks App Service's endpoint.
 *
 * @param api the service that it calls
 * @param masterKey the key of the service's Functions host
 * @throws Error if no token comes, for another reason than a refusal of Entra ID
 */
export async function credentialsFor(
  source: TokenSource,
  api: string,
  endpoints: Endpoints,
  masterKey: string,
): Promise<Credentials> {
  switch (source.kind) {
    case "master-key":
      return { authorization: null, otherHeaders: { "x-functions-key": masterKey } };
    case "none":
      return { authorization: null };
    case "minted": {
      const token = await mintToken(endpoints.entra.control, { as: source.identity, api, claims: source.claims });
      return { authorization: `Bearer ${token}` };
    }
    case "managed-identity":
      return managedIdentityToken(source.identity, api, endpoints);
  }
}

/** @param caller the identity that may call the service; one that its local allow-list has anyway, if there is none */
export function attackCredentials(
  { credentials }: Attack,
  api: string,
  endpoints: Endpoints,
  caller = "reader-only",
): Promise<Credentials> {
  return credentials(forgeOf(endpoints, api, caller));
}

async function managedIdentityToken(
  identity: string,
  api: string,
  { entra, apis, identities }: Endpoints,
): Promise<Credentials> {
  const clientId = identities[identity]?.clientId;
  const resource = apis[api]?.identifierUri ?? "";
  if (clientId === undefined) throw new Error(`The local Entra has no identity ${identity}.`);
  const query = new URLSearchParams({ "api-version": "2019-08-01", resource, client_id: clientId });
  const { status, body, recorded } = await exchange(`${entra.managedIdentityEndpoint}?${query.toString()}`, {
    method: "GET",
    headers: { "X-IDENTITY-HEADER": entra.identityHeader },
  });
  if (status === 200) {
    return { authorization: `Bearer ${(JSON.parse(body) as { access_token: string }).access_token}` };
  }
  const code = /AADSTS\d+/.exec(body)?.[0];
  if (code === undefined) throw new Error(`The managed identity endpoint returned ${status}: ${body.slice(0, 200)}`);
  return { refusal: code, exchange: recorded };
}
