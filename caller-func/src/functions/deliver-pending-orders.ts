// The timer: delivers the pending orders that are due.
import { app } from "@azure/functions";
import { delivery, orderStore } from "../composition.ts";
import { longestRun } from "../orders/schedule.ts";
import { settings } from "../settings.ts";

const DAY_MS = 24 * 3600_000;

app.timer("deliverPendingOrders", {
  schedule: "%DELIVERY_SCHEDULE%",
  handler: async (timer, context) => {
    const begun = Date.now();
    const runMs = longestRun(settings.DELIVERY_SCHEDULE);
    const run = await delivery.deliverDue(runMs, context.traceContext?.traceParent);
    const removed = await removeFinished(new Date(begun - settings.RETENTION_DAYS * DAY_MS), begun + runMs);
    const { pending, oldest } = await orderStore.backlog();
    const oldestSeconds = oldest && Math.round((Date.now() - oldest.getTime()) / 1000);
    const { isPastDue } = timer;
    // One line, which Application Insights keeps as a trace that queries can take apart: see docs/caller.md.
    const event = { event: "delivery-run", isPastDue, ms: Date.now() - begun, ...run, removed, pending, oldestSeconds };
    context.log(JSON.stringify(event));
  },
});

/** Removes what is too old, for as long as the run may take. */
async function removeFinished(before: Date, end: number): Promise<number> {
  let removed = 0;
  let batch: number;
  do removed += batch = await orderStore.removeFinished(before);
  while (batch > 0 && Date.now() < end);
  return removed;
}

// Scale-in and deployments end an instance in the middle of its work.
app.hook.appTerminate(() => delivery.drain());
