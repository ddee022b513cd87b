// The timer function that delivers the messages of an outbox.
import { app } from "@azure/functions";
import { longestRun } from "../outbox/schedule.ts";
import type { Outbox } from "../outbox/outbox.ts";

const DAY_MS = 24 * 3600_000;

export interface DeliveryTimerOptions {
  /** The value of the setting of the schedule, an NCRONTAB expression. The host reads the setting itself. */
  readonly schedule: string;
  /** The name of this setting. Default `DELIVERY_SCHEDULE`. */
  readonly scheduleSetting?: string | undefined;
  /** How many days finished messages are kept. */
  readonly retentionDays: number;
}

/**
 * Registers the timer function that delivers the due messages of an outbox, and drains the outbox when the host stops the app:
 * on scale-in and deployment, an instance ends in the middle of its work. Each run logs one line of JSON, the event
 * `delivery-run`, which Application Insights keeps as a trace.
 *
 * @param name the function's name
 */
export function deliveryTimer(
  name: string,
  outbox: Pick<Outbox<never>, "run" | "drain">,
  { schedule, scheduleSetting = "DELIVERY_SCHEDULE", retentionDays }: DeliveryTimerOptions,
): void {
  app.timer(name, {
    schedule: `%${scheduleSetting}%`,
    handler: async ({ isPastDue }, context) => {
      const began = Date.now();
      const run = await outbox.run({
        longestMs: longestRun(schedule),
        retentionMs: retentionDays * DAY_MS,
        traceParent: context.traceContext?.traceParent,
      });
      context.log(JSON.stringify({ event: "delivery-run", isPastDue, ms: Date.now() - began, ...run }));
    },
  });
  app.hook.appTerminate(() => outbox.drain());
}
