/** The authority of the local Entra: metadata and keys of v1.0 and v2.0, and the token endpoint, of its one tenant. */
import type { Handler, Hono, MiddlewareHandler } from "hono";
import type { Tenant } from "./access-token.ts";
import type { ClientAuthenticationMethod } from "./client-authentication.ts";
import { sameId } from "./directory.ts";
import { EntraError, entraResponse } from "./entra-error.ts";
import { createApp, type Endpoint, type Environment, type Faults, limitBody, onlyMethod } from "./http.ts";
import { instanceDiscovery, keySet, metadata } from "./metadata.ts";
import { tokenEndpoint } from "./token-endpoint.ts";

/** The app at the authority's origin. Errors have Entra's form. */
export function authorityApp(
  tenant: Tenant,
  methods: readonly ClientAuthenticationMethod[],
  faults: Faults,
): Hono<Environment> {
  const { authority, directory, keys } = tenant;
  const { tenantId } = directory;
  const router = createApp((error, c) => (error instanceof EntraError ? entraResponse(c, error) : undefined));
  const route = (endpoint: Endpoint, method: "GET" | "POST", path: string, handler: Handler<Environment>): void => {
    router
      .use(path, faults.middleware(endpoint, failure))
      .on(method, path, onlyTenant(tenantId), limitBody, handler)
      .all(path, onlyMethod(method));
  };

  router.get("/common/discovery/instance", (c) => c.json(instanceDiscovery(authority, tenantId)));
  for (const [version, openid, discovery] of [
    [2, "v2.0/.well-known", "discovery/v2.0"],
    [1, ".well-known", "discovery"],
  ] as const) {
    route("metadata", "GET", `/:tenant/${openid}/openid-configuration`, (c) =>
      c.json(metadata(version, authority, tenantId)),
    );
    route("keys", "GET", `/:tenant/${discovery}/keys`, (c) =>
      c.json(keySet(version, keys.published, authority, tenantId)),
    );
  }
  route("token", "POST", "/:tenant/oauth2/v2.0/token", async (c) => {
    const form = new URLSearchParams(await c.req.text());
    return c.json(await tokenEndpoint(tenant, methods, form, c.req.header("authorization")));
  });
  return router;
}

function failure(): never {
  throw new EntraError("transient", "A transient error has occurred. Please try again.");
}

function onlyTenant(tenantId: string): MiddlewareHandler<Environment> {
  return async (c, next) => {
    const requested = c.req.param("tenant") ?? "";
    if (!sameId(requested, tenantId)) throw unknownTenant(requested);
    await next();
  };
}

function unknownTenant(requested: string): EntraError {
  return new EntraError(
    "unknownTenant",
    `Tenant '${requested}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.`,
  );
}
