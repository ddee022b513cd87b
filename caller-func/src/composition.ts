import { getBearerTokenProvider, ManagedIdentityCredential } from "@azure/identity";
import { createServiceClient } from "shared/service-client";
import { openTable } from "shared/storage/table";
import { createDelivery } from "./orders/delivery.ts";
import { createOrderStore } from "./orders/order-store.ts";
import { settings } from "./settings.ts";

const identity = new ManagedIdentityCredential({ clientId: settings.AZURE_CLIENT_ID });

/** The callee, reached as this app's identity. The provider keeps one token for its lifetime and renews it before it ends. */
const callee = createServiceClient({
  origin: settings.CALLEE_URL,
  getToken: getBearerTokenProvider(identity, settings.CALLEE_SCOPE),
});

/** The business of this service. Replace it, and the functions that use it, with your own. */
export const orderStore = createOrderStore(openTable(settings.ORDERS_TABLE_ENDPOINT, "orders", identity));
export const delivery = createDelivery(orderStore, callee);
