import { app } from "@azure/functions";
import { managedIdentity } from "shared/managed-identity";
import { loadSoon } from "shared/on-demand/load-soon";
import { createServiceClient, createTokenSource } from "shared/service-client";
import { openTable } from "shared/storage/table";
import { createDelivery } from "./orders/delivery.ts";
import { createOrderStore } from "./orders/order-store.ts";
import { credential, settings } from "./settings.ts";

/** The callee, reached as the identity that `CALLER_CREDENTIAL` chooses. */
const callee = createServiceClient({
  origin: settings.CALLEE_URL,
  tokens: createTokenSource(credential.create, settings.CALLEE_SCOPE),
});

/** Storage is reached with the app's managed identity, whoever calls the callee. */
const identity = () => managedIdentity(settings.AZURE_CLIENT_ID);

/** The business of this service. Replace it, and the functions that use it, with your own. */
export const orderStore = createOrderStore(openTable(settings.ORDERS_TABLE_ENDPOINT, "orders", identity));
export const delivery = createDelivery(orderStore, callee);

// What of it a start does without.
app.hook.preInvocation(
  loadSoon(
    () => import("shared/on-demand/managed-identity"),
    () => import("shared/on-demand/table-client"),
    () => import("shared/on-demand/http"),
  ),
);
