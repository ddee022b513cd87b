// What this app is made of: its client, its outbox and what it loads on demand.
import { app } from "@azure/functions";
import { loadSoon } from "@restricted-calls/shared/functions";
import { managedIdentity } from "@restricted-calls/shared/identity";
import { createOutbox } from "@restricted-calls/shared/outbox";
import { protectedService } from "@restricted-calls/shared/service-client";
import { openTable } from "@restricted-calls/shared/storage/table";
import { metersAt } from "./readings.ts";
import { settings } from "./settings.ts";

export const readings = createOutbox({
  table: openTable(settings.OUTBOX_TABLE_ENDPOINT, "outbox", () => managedIdentity(settings.AZURE_CLIENT_ID)),
  destination: metersAt(protectedService("CALLEE")),
});

// Loaded after the start.
app.hook.preInvocation(
  loadSoon(
    () => import("@restricted-calls/shared/on-demand/managed-identity"),
    () => import("@restricted-calls/shared/on-demand/table-client"),
    () => import("@restricted-calls/shared/on-demand/http"),
  ),
);
