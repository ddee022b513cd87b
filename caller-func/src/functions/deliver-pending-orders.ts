// The timer: delivers the pending orders that are due.
import { deliveryTimer } from "@restricted-calls/shared/functions";
import { orders } from "../composition.ts";
import { settings } from "../settings.ts";

deliveryTimer("deliverPendingOrders", orders, {
  schedule: settings.DELIVERY_SCHEDULE,
  retentionDays: settings.RETENTION_DAYS,
});
