/** App Service's managed identity endpoint, as the local Entra serves it. */
import { randomUUID } from "node:crypto";
import type { Context, Handler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { issueToken, type Tenant } from "./access-token.ts";
import { sameId, type Identity } from "./directory.ts";
import { EntraError } from "./entra-error.ts";
import type { Environment } from "./http.ts";

/** 24 hours, less a second for the response to arrive. */
const LIFETIME_SECONDS = 24 * 60 * 60 - 1;
/** A cached token is replaced so long before it expires. */
const REPLACED_BEFORE_SECONDS = 5 * 60;

const API_VERSION = "2019-08-01";

type Token = Awaited<ReturnType<typeof issueToken>>;

/**
 * The managed identity endpoint of App Service
 * (https://learn.microsoft.com/azure/app-service/overview-managed-identity#rest-endpoint-reference), for user-assigned
 * identities only. Like the platform, it caches each identity's token for a resource until it nearly expires: until then, the
 * token has no role that was granted later.
 */
export function managedIdentityEndpoint(tenant: Tenant, identityHeader: string): Handler<Environment> {
  const cache = new Map<string, Promise<Token>>();

  async function tokenFor(identity: Identity, resource: string): Promise<Token> {
    const key = `${identity.clientId} ${resource}`;
    const issue = (): Promise<Token> => {
      const issued = issueToken(tenant, resource, { identity, authenticated: "2", lifetimeSeconds: LIFETIME_SECONDS });
      cache.set(key, issued);
      // A refusal is not cached: the next request asks Entra again.
      issued.catch(() => cache.delete(key));
      return issued;
    };
    const cached = await (cache.get(key) ?? issue());
    return cached.expires - Date.now() / 1000 > REPLACED_BEFORE_SECONDS ? cached : issue();
  }

  return async (c) => {
    const secret = c.req.header("X-IDENTITY-HEADER");
    if (secret === undefined) return refusal(c, 401, "The X-IDENTITY-HEADER header is missing.");
    if (secret !== identityHeader)
      return refusal(c, 401, "The X-IDENTITY-HEADER header is not the value of IDENTITY_HEADER.");
    const parameters = c.req.query();
    if (parameters["api-version"] !== API_VERSION) {
      return refusal(c, 400, `The api-version query parameter is missing or not supported: use ${API_VERSION}.`);
    }
    const { resource } = parameters;
    if (!resource) return refusal(c, 400, "The resource query parameter is missing.");
    const identity = requestedIdentity(tenant, parameters);
    if (typeof identity === "string") return refusal(c, 400, identity);
    try {
      const { token, expires } = await tokenFor(identity, resource);
      return c.json({
        access_token: token,
        expires_on: String(expires),
        resource,
        token_type: "Bearer",
        client_id: identity.clientId,
      });
    } catch (error) {
      if (error instanceof EntraError) return platformFailure(c, ` ${error.message}`);
      throw error;
    }
  };
}

/**
 * App Service's response when Entra issues no token, whatever the reason. The local endpoint appends Entra's message, which
 * the platform does not show.
 */
export function platformFailure(c: Context, reason = ""): Response {
  return refusal(c, 500, `An unexpected error occured while fetching the AAD Token.${reason}`);
}

/** The parameters that name an identity, and how each compares. */
const selectors: Readonly<Record<string, (identity: Identity, value: string) => boolean>> = {
  client_id: ({ clientId }, value) => sameId(clientId, value),
  principal_id: ({ principalId }, value) => sameId(principalId, value),
  object_id: ({ principalId }, value) => sameId(principalId, value),
  mi_res_id: ({ resourceId = "" }, value) => resourceId.toLowerCase() === value.toLowerCase(),
};

function requestedIdentity({ directory }: Tenant, parameters: Readonly<Record<string, string>>): Identity | string {
  const names = Object.keys(selectors).filter((name) => name in parameters);
  if (names.length > 1) return `Only one of ${names.join(", ")} may name the identity.`;
  const [name] = names;
  const matches = selectors[name ?? ""];
  if (name === undefined || !matches) return "Unable to load the proper Managed Identity.";
  const identity = directory.identities.find(
    (each) =>
      each.kind === "managed-identity" && each.tenantId === directory.tenantId && matches(each, parameters[name] ?? ""),
  );
  return (
    identity ?? "No User Assigned or Delegated Managed Identity found for specified ClientId/ResourceId/PrincipalId."
  );
}

function refusal(c: Context, statusCode: ContentfulStatusCode, message: string): Response {
  return c.json({ statusCode, message, correlationId: randomUUID() }, statusCode);
}
