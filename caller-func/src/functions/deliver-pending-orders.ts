import { app } from "@azure/functions";
import { delivery } from "../composition.ts";

app.timer("deliverPendingOrders", {
  schedule: "%DELIVERY_SCHEDULE%",
  handler: async (timer, context) => {
    const summary = await delivery.deliverDue(context.traceContext?.traceParent);
    context.log(JSON.stringify({ event: "delivery-run", isPastDue: timer.isPastDue, ...summary }));
  },
});
