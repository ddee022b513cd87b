import { sign, tokenContents, type TokenRequest } from "./access-token.ts";
import { findResource, rolesOn, type Directory } from "./directory.ts";
import { EntraError } from "./entra-error.ts";
import type { SigningKeys } from "./signing-keys.ts";

/** The local tenant: what is registered in it, and what it signs with. */
export interface Tenant {
  readonly authority: string;
  readonly directory: Directory;
  readonly keys: SigningKeys;
  readonly log: (line: string) => void;
}

/**
 * Issues an access token for a resource, named by identifier URI or client id, and says when it expires (Unix seconds).
 * Throws AADSTS500011 for a resource that nobody registered, and AADSTS501051 where assignment is required and the client
 * has no role (https://learn.microsoft.com/entra/identity-platform/howto-restrict-your-app-to-a-set-of-users).
 */
export async function issueToken(
  tenant: Tenant,
  resource: string,
  request: Omit<TokenRequest, "authority" | "api">,
): Promise<{ token: string; expires: number }> {
  const { directory, keys, authority, log } = tenant;
  const { identity } = request;
  const api = findResource(directory, resource);
  if (!api) {
    throw new EntraError(
      "unknownResource",
      `The resource principal named ${resource} was not found in the tenant named ${directory.tenantId}. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.`,
    );
  }
  const roles = rolesOn(api, identity);
  if (api.assignmentRequired && roles.length === 0) {
    throw new EntraError(
      "notAssigned",
      `Application '${identity.clientId}'(${identity.name}) is not assigned to a role for the application '${resource}'(${api.service}).`,
    );
  }
  const contents = tokenContents({ ...request, authority, api }, keys.current);
  const token = await sign(contents, keys.current);
  log(`Token issued to ${identity.name} for ${api.service}, roles: ${roles.join(", ") || "none"}`);
  return { token, expires: contents.claims.exp };
}
