// What this app is made of: its guard, its business and what it loads on demand.
import { app } from "@azure/functions";
import type { AppRole } from "@restricted-calls/shared/access-policy";
import { loadSoon, protectedApp } from "@restricted-calls/shared/functions";
import { managedIdentity } from "@restricted-calls/shared/identity";
import { openTable } from "@restricted-calls/shared/storage/table";
import { createInventory } from "./inventory/inventory.ts";
import { settings } from "./settings.ts";

/** This service's functions: `api.http("getStock", "Inventory.Read", ...)`. A role the access policy does not name does not compile. */
export const api = protectedApp<AppRole<"callee-func">>();

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
