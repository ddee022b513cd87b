/** A run leaves this much of the time until the next tick, in milliseconds, to what it does last. */
const MARGIN_MS = 1_000;

/** And it stays below the `functionTimeout` of host.json, 5 minutes, by this. */
const LONGEST_RUN_MS = 4 * 60_000;

/**
 * How long a run may take, in milliseconds, to be over before the next tick: the shortest time between two ticks by the
 * seconds and minutes of the schedule. The host does not tell: below a minute it gives no schedule status, and above it
 * the status of the run before.
 *
 * @param schedule a six-field NCRONTAB expression
 */
export function longestRun(schedule: string): number {
  const [seconds = "*", minutes = "*"] = schedule.trim().split(/\s+/);
  const ticks = values(minutes).flatMap((minute) => values(seconds).map((second) => minute * 60 + second));
  const gaps = ticks.map((tick, i) => (ticks[i + 1] ?? 3600 + (ticks[0] ?? 0)) - tick);
  const shortest = Math.min(...gaps) * 1000;
  return Math.min(Math.max(shortest - MARGIN_MS, shortest / 2), LONGEST_RUN_MS);
}

/** The values of a field that runs from 0 to 59: numbers, ranges, steps and lists of these. */
function values(field: string): number[] {
  const all = field.split(",").flatMap((part) => {
    const [range = "*", step = "1"] = part.split("/");
    const [from = NaN, to = part.includes("/") ? 59 : from] = range === "*" ? [0, 59] : range.split("-").map(Number);
    return Array.from({ length: 60 }, (_, value) => value).filter(
      (value) => value >= from && value <= to && (value - from) % Number(step) === 0,
    );
  });
  return [...new Set(all)].sort((a, b) => a - b);
}
