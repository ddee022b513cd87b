import { parseNcrontab } from "@restricted-calls/shared/ncrontab";

/** A run leaves this much of the time until the next tick, in milliseconds, to what it does last. */
const MARGIN_MS = 1_000;

/** And it stays below the `functionTimeout` of host.json, 5 minutes, by this. */
const LONGEST_RUN_MS = 4 * 60_000;

/**
 * How long a run may take, in milliseconds, to be over before the next tick: the shortest time between two ticks by the
 * seconds and minutes of the schedule. The host does not tell: below a minute it gives no schedule status, and above it
 * the status of the run before.
 *
 * @param schedule an NCRONTAB expression
 * @throws Error for what is none
 */
export function longestRun(schedule: string): number {
  const { seconds, minutes } = parseNcrontab(schedule);
  const ticks = minutes.flatMap((minute) => seconds.map((second) => minute * 60 + second));
  const gaps = ticks.map((tick, i) => (ticks[i + 1] ?? 3600 + (ticks[0] ?? 0)) - tick);
  const shortest = Math.min(...gaps) * 1000;
  return Math.min(Math.max(shortest - MARGIN_MS, shortest / 2), LONGEST_RUN_MS);
}
