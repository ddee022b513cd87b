import { randomUUID } from "node:crypto";
import { sameId, type Identity } from "./directory.ts";
import { EntraError } from "./entra-error.ts";
import type { Answer, Request } from "./http.ts";
import { issueToken, type Tenant } from "./issue-token.ts";

/** Seconds: 24 hours, less a second for the way. */
const lifetime = 24 * 60 * 60 - 1;
/** Seconds before its expiry at which a cached token is replaced. */
const replacedBefore = 5 * 60;

const apiVersion = "2019-08-01";

type Token = Awaited<ReturnType<typeof issueToken>>;

/**
 * The managed identity endpoint of App Service
 * (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference), for user-assigned
 * identities: there is no system-assigned one here. Like the platform it keeps each identity's token for a resource until
 * it nearly expires, so a role granted later, or a new signing key, does not show before.
 */
export function managedIdentityEndpoint(tenant: Tenant, identityHeader: string): (request: Request) => Promise<Answer> {
  const cache = new Map<string, Promise<Token>>();

  async function tokenFor(identity: Identity, resource: string): Promise<Token> {
    const key = `${identity.clientId} ${resource}`;
    const issue = (): Promise<Token> => {
      const issued = issueToken(tenant, resource, { identity, authenticated: "2", lifetime });
      cache.set(key, issued);
      // A refusal is not kept: the next request asks Entra again.
      issued.catch(() => cache.delete(key));
      return issued;
    };
    const cached = await (cache.get(key) ?? issue());
    return cached.expires - Date.now() / 1000 > replacedBefore ? cached : issue();
  }

  return async ({ headers, url: { searchParams } }) => {
    const secret = headers["x-identity-header"];
    if (secret === undefined) return refusal(401, "The X-IDENTITY-HEADER header is missing.");
    if (secret !== identityHeader)
      return refusal(401, "The X-IDENTITY-HEADER header is not the value of IDENTITY_HEADER.");
    if (searchParams.get("api-version") !== apiVersion) {
      return refusal(400, `The api-version query parameter is missing or not supported: use ${apiVersion}.`);
    }
    const resource = searchParams.get("resource");
    if (!resource) return refusal(400, "The resource query parameter is missing.");
    const identity = requestedIdentity(tenant, searchParams);
    if (typeof identity === "string") return refusal(400, identity);
    try {
      const { token, expires } = await tokenFor(identity, resource);
      return {
        status: 200,
        json: {
          access_token: token,
          expires_on: String(expires),
          resource,
          token_type: "Bearer",
          client_id: identity.clientId,
        },
      };
    } catch (error) {
      if (error instanceof EntraError) return platformFailure(` ${error.message}`);
      throw error;
    }
  };
}

/**
 * What App Service answers, with 500, when Entra gives no token, whatever the reason. It ends there; the local one adds
 * Entra's words, which the platform shows to nobody.
 */
export function platformFailure(reason = ""): Answer {
  return refusal(500, `An unexpected error occured while fetching the AAD Token.${reason}`);
}

/** The parameters that name an identity, and what they name. */
const selectors: Readonly<Record<string, (identity: Identity, value: string) => boolean>> = {
  client_id: ({ clientId }, value) => sameId(clientId, value),
  principal_id: ({ principalId }, value) => sameId(principalId, value),
  object_id: ({ principalId }, value) => sameId(principalId, value),
  mi_res_id: ({ resourceId = "" }, value) => resourceId.toLowerCase() === value.toLowerCase(),
};

function requestedIdentity({ directory }: Tenant, parameters: URLSearchParams): Identity | string {
  const names = Object.keys(selectors).filter((name) => parameters.has(name));
  if (names.length > 1) return `Only one of ${names.join(", ")} may name the identity.`;
  const [name] = names;
  const matches = selectors[name ?? ""];
  if (name === undefined || !matches) return "Unable to load the proper Managed Identity.";
  const identity = directory.identities.find(
    (each) =>
      each.kind === "managed-identity" &&
      each.tenantId === directory.tenantId &&
      matches(each, parameters.get(name) ?? ""),
  );
  return (
    identity ?? "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
  );
}

function refusal(statusCode: number, message: string): Answer {
  return { status: statusCode, json: { statusCode, message, correlationId: randomUUID() } };
}
