// How long a run of the timer may take, from its schedule.
import { parseNcrontab } from "../ncrontab.ts";

/** A run ends this long before the next tick, in milliseconds. */
const MARGIN_MS = 1_000;

/** The longest run, in milliseconds: below the `functionTimeout` of host.json, 5 minutes. */
const LONGEST_RUN_MS = 4 * 60_000;

/**
 * How long a run may take, in milliseconds, to end before the next tick: derived from the shortest time between two ticks, by
 * the seconds and minutes of the schedule. The host gives no such status for schedules below a minute, and for others that
 * of the previous run.
 *
 * @param schedule an NCRONTAB expression
 * @throws Error if the schedule is not an NCRONTAB expression
 */
export function longestRun(schedule: string): number {
  const { seconds, minutes } = parseNcrontab(schedule);
  const ticks = minutes.flatMap((minute) => seconds.map((second) => minute * 60 + second));
  const gaps = ticks.map((tick, i) => (ticks[i + 1] ?? 3600 + (ticks[0] ?? 0)) - tick);
  const shortest = Math.min(...gaps) * 1000;
  return Math.min(Math.max(shortest - MARGIN_MS, shortest / 2), LONGEST_RUN_MS);
}
