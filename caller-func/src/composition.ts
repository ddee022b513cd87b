// What this app is made of: its client, its storage, its orders and what it loads on demand.
import { app } from "@azure/functions";
import { managedIdentity } from "@restricted-calls/shared/identity";
import { loadSoon } from "@restricted-calls/shared/functions";
import { createOutbox } from "@restricted-calls/shared/outbox";
import { protectedService } from "@restricted-calls/shared/service-client";
import { openTable } from "@restricted-calls/shared/storage/table";
import { reservationsAt } from "./orders.ts";
import { settings } from "./settings.ts";

/** The callee, reached as the identity that `CALLER_CREDENTIAL` chooses. */
const callee = protectedService("CALLEE");

/** Storage is always reached with the app's managed identity, also where another credential calls the callee. */
const identity = () => managedIdentity(settings.AZURE_CLIENT_ID);

/** The business of this service. Replace it, and the functions that use it, with your own. */
export const orders = createOutbox({
  table: openTable(settings.ORDERS_TABLE_ENDPOINT, "orders", identity),
  destination: reservationsAt(callee),
});

// Loaded after the start.
app.hook.preInvocation(
  loadSoon(
    () => import("@restricted-calls/shared/on-demand/managed-identity"),
    () => import("@restricted-calls/shared/on-demand/table-client"),
    () => import("@restricted-calls/shared/on-demand/http"),
  ),
);
