import {
  authenticateClient,
  clientCredentials,
  type ClientAuthenticationMethod,
} from "./client-authentication/client-authentication.ts";
import { sameId, type Directory, type Identity } from "./directory.ts";
import { EntraError } from "./entra-error.ts";
import type { Answer, Request } from "./http.ts";
import { issueToken, type Tenant } from "./issue-token.ts";

/** Seconds. Entra's vary between 60 and 90 minutes where the tenant has no policy; a stand-in is better predictable. */
const lifetime = 3600;

/**
 * The token endpoint: the client credentials flow, and no other
 * (https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow). Throws `EntraError`.
 */
export async function tokenEndpoint(
  tenant: Tenant,
  methods: readonly ClientAuthenticationMethod[],
  request: Request,
): Promise<Answer> {
  const form = new URLSearchParams(request.body);
  const credentials = clientCredentials(form, request.headers.authorization);
  const grantType = required("grant_type", form.get("grant_type"));
  if (grantType !== "client_credentials") {
    throw new EntraError("unsupportedGrantType", `The app requested an unsupported grant type '${grantType}'.`);
  }
  const clientId = required("client_id", credentials.clientId);
  const scope = required("scope", form.get("scope"));

  const identity = findClient(tenant.directory, clientId);
  const authenticated = await authenticateClient(methods, credentials, identity);
  const { token } = await issueToken(tenant, resourceOf(scope), { identity, authenticated, lifetime });
  const expiresIn = lifetime - 1; // as Entra counts it: whole seconds left when the answer arrives
  return {
    status: 200,
    json: { token_type: "Bearer", expires_in: expiresIn, ext_expires_in: expiresIn, access_token: token },
  };
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
