// What this app is made of: its guard, its business and what it loads on demand.
import { app } from "@azure/functions";
import type { AppRole } from "@restricted-calls/shared/access-policy";
import { createAuthorizer } from "@restricted-calls/shared/authorization";
import { createApi, createGuard, loadSoon } from "@restricted-calls/shared/functions";
import { managedIdentity } from "@restricted-calls/shared/identity";
import { openTable } from "@restricted-calls/shared/storage/table";
import { createInventory } from "./inventory/inventory.ts";
import { settings } from "./settings.ts";

/** This service's functions: `api.http("getStock", "Inventory.Read", ...)`. A role the access policy does not name does not compile. */
export const api = createApi(
  createGuard<AppRole<"callee-func">>(
    createAuthorizer({
      authority: settings.AZURE_AUTHORITY_HOST,
      tenantId: settings.AZURE_TENANT_ID,
      audiences: [settings.API_CLIENT_ID, settings.API_IDENTIFIER_URI],
      allowedCallers: settings.ALLOWED_CALLERS,
      deniedCallers: settings.DENIED_CALLERS,
      minimumClientAuthentication: settings.MINIMUM_CLIENT_AUTHENTICATION,
      onKeyFailure: (error) => {
        console.error("The tenant's signing keys could not be fetched.", error);
      },
    }),
  ),
);

/** The business behind the guard. Replace it, and the functions that use it, with your own. */
export const inventory = createInventory(
  openTable(settings.INVENTORY_TABLE_ENDPOINT, "inventory", () => managedIdentity(settings.AZURE_CLIENT_ID)),
  settings.INITIAL_STOCK,
);

// Loaded after the start.
app.hook.preInvocation(
  loadSoon(
    () => import("@restricted-calls/shared/on-demand/managed-identity"),
    () => import("@restricted-calls/shared/on-demand/table-client"),
  ),
);
