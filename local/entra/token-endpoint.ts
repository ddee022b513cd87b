/** The token endpoint of the local Entra. */
import { authenticateClient, clientCredentials, type ClientAuthenticationMethod } from "./client-authentication.ts";
import { issueToken, type Tenant } from "./access-token.ts";
import { sameId, type Directory, type Identity } from "./directory.ts";
import { EntraError } from "./entra-error.ts";

/** Entra chooses 60 to 90 minutes where the tenant has no policy; a fixed time makes tests predictable. */
const LIFETIME_SECONDS = 3600;

/**
 * Handles a token request of the client credentials flow, the only one here
 * (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow).
 *
 * @returns the response's JSON
 * @throws EntraError for any other request
 */
export async function tokenEndpoint(
  tenant: Tenant,
  methods: readonly ClientAuthenticationMethod[],
  form: URLSearchParams,
  authorization: string | undefined,
): Promise<object> {
  const credentials = clientCredentials(form, authorization);
  const grantType = required("grant_type", form.get("grant_type"));
  if (grantType !== "client_credentials") {
    throw new EntraError("unsupportedGrantType", `The app requested an unsupported grant type '${grantType}'.`);
  }
  const clientId = required("client_id", credentials.clientId);
  const scope = required("scope", form.get("scope"));

  const identity = findClient(tenant.directory, clientId);
  const authenticated = await authenticateClient(methods, credentials, identity);
  const { token } = await issueToken(tenant, resourceOf(scope), {
    ...{ identity, authenticated, lifetimeSeconds: LIFETIME_SECONDS },
  });
  const expiresIn = LIFETIME_SECONDS - 1; // as Entra counts it: whole seconds left when the response arrives
  return { token_type: "Bearer", expires_in: expiresIn, ext_expires_in: expiresIn, access_token: token };
}

function required(name: string, value: string | null | undefined): string {
  if (value) return value;
  throw new EntraError("missingParameter", `The request body must contain the following parameter: '${name}'.`);
}

function findClient({ identities, tenantId }: Directory, clientId: string): Identity {
  const found = identities.find((identity) => sameId(identity.clientId, clientId) && identity.tenantId === tenantId);
  if (found) return found;
  throw new EntraError(
    "unknownClient",
    `Application with identifier '${clientId}' was not found in the directory '${tenantId}'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
  );
}

function resourceOf(scope: string): string {
  if (/\s/.test(scope.trim())) {
    throw new EntraError(
      "invalidScope",
      `The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope ${scope} is not valid.`,
    );
  }
  const resource = /^(.+)\/\.default$/.exec(scope.trim())?.[1];
  if (resource !== undefined) return resource;
  throw new EntraError(
    "scopeWithoutDefault",
    `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  );
}
