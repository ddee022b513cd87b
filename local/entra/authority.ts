import type { ClientAuthenticationMethod } from "./client-authentication/client-authentication.ts";
import { sameId } from "./directory.ts";
import { answerOf, EntraError } from "./entra-error.ts";
import type { Answer, Request } from "./http.ts";
import type { Tenant } from "./issue-token.ts";
import { instanceDiscovery, keySet, metadata } from "./metadata.ts";
import type { Route } from "./serve.ts";
import { tokenEndpoint } from "./token-endpoint.ts";

/** What the authority serves: metadata and keys of both versions, and the token endpoint, all of the one tenant. */
export function authorityRoutes(
  tenant: Tenant,
  methods: readonly ClientAuthenticationMethod[],
): (path: string) => Route | undefined {
  const { authority, directory, keys } = tenant;
  const { tenantId } = directory;
  const get = (endpoint: "keys" | "metadata", json: () => object): Route =>
    inEntrasForm({ endpoint, method: "GET", answer: () => ({ status: 200, json: json() }) });
  const routes = new Map<string, Route>([
    ["v2.0/.well-known/openid-configuration", get("metadata", () => metadata(2, authority, tenantId))],
    [".well-known/openid-configuration", get("metadata", () => metadata(1, authority, tenantId))],
    ["discovery/v2.0/keys", get("keys", () => keySet(2, keys.published, authority, tenantId))],
    ["discovery/keys", get("keys", () => keySet(1, keys.published, authority, tenantId))],
    [
      "oauth2/v2.0/token",
      inEntrasForm({ endpoint: "token", method: "POST", answer: (request) => tokenEndpoint(tenant, methods, request) }),
    ],
  ]);
  return (path) => {
    if (path === "/common/discovery/instance") {
      return { method: "GET", answer: () => ({ status: 200, json: instanceDiscovery(authority, tenantId) }) };
    }
    const [, requested = "", rest = ""] = /^\/([^/]+)\/(.+)$/.exec(path) ?? [];
    const route = routes.get(rest);
    if (!route || sameId(requested, tenantId)) return route;
    return inEntrasForm({ ...route, answer: () => unknownTenant(requested) });
  };
}

/** Refusals, and failures asked for, in the form that Entra gives them. */
function inEntrasForm(route: Route): Route {
  const answer = async (request: Request): Promise<Answer> => {
    try {
      return await route.answer(request);
    } catch (error) {
      if (error instanceof EntraError) return answerOf(error);
      throw error;
    }
  };
  const failure = (): Answer =>
    answerOf(new EntraError("transient", "A transient error has occurred. Please try again."));
  return { ...route, answer, failure };
}

function unknownTenant(requested: string): never {
  throw new EntraError(
    "unknownTenant",
    `Tenant '${requested}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  );
}
