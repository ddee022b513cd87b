// The timer: delivers the pending readings that are due.
import { deliveryTimer } from "@restricted-calls/shared/functions";
import { readings } from "../composition.ts";
import { settings } from "../settings.ts";

deliveryTimer("deliverReadings", readings, { schedule: settings.DELIVERY_SCHEDULE, retentionDays: 30 });
