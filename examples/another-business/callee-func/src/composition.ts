// What this app is made of: its guard, its business and what it loads on demand.
import { app } from "@azure/functions";
import type { AppRole } from "@restricted-calls/shared/access-policy";
import { loadSoon, protectedApp } from "@restricted-calls/shared/functions";
import { managedIdentity } from "@restricted-calls/shared/identity";
import { openTable } from "@restricted-calls/shared/storage/table";
import { createReadings } from "./readings.ts";
import { settings } from "./settings.ts";

/** This service's functions. A role the access policy does not name does not compile. */
export const api = protectedApp<AppRole<"callee-func">>();

export const readings = createReadings(
  openTable(settings.READINGS_TABLE_ENDPOINT, "readings", () => managedIdentity(settings.AZURE_CLIENT_ID)),
  settings.METERS,
);

// Loaded after the start.
app.hook.preInvocation(
  loadSoon(
    () => import("@restricted-calls/shared/on-demand/managed-identity"),
    () => import("@restricted-calls/shared/on-demand/table-client"),
  ),
);
