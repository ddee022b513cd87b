/** When a timer fires. */
import { type Ncrontab, parseNcrontab } from "@restricted-calls/shared/ncrontab";
import { NOT_SUPPORTED } from "../not-supported.ts";

/** All times are UTC, as on Azure without WEBSITE_TIME_ZONE. */
export interface TimerSchedule {
  readonly expression: string;
  /** Whether status is kept across restarts: not for schedules that can fire more than once a minute. */
  readonly monitored: boolean;
  /** The first occurrence after that time (milliseconds since the epoch). */
  nextAfter(time: number): number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** The longest wait for a date that matches: 29 February falls on each day of the week once in 40 years. */
const LONGEST_WAIT_DAYS = 41 * 366;

/**
 * Reads a timer's schedule, an NCRONTAB expression ({@link parseNcrontab}).
 *
 * @throws Error that says what is wrong with the expression; also for an interval such as "00:00:30", which only the real host
 *   supports
 */
export function parseSchedule(expression: string): TimerSchedule {
  if (/^[\d.]+(?::\d+)+/.test(expression)) throw new Error(`an interval ${NOT_SUPPORTED}`);
  const fields = parseNcrontab(expression);
  const nextAfter = (time: number): number => nextMatch(fields, time);
  if (nextAfter(Date.now()) === Infinity) throw new Error("no date ever matches it");
  return { expression, monitored: !firesWithinMinute(fields), nextAfter };
}

/** Both day and day of week must match; in classic cron one is enough. */
function nextMatch(fields: Ncrontab, after: number): number {
  const today = Math.floor(after / DAY_MS) * DAY_MS;
  for (let day = today; day < today + LONGEST_WAIT_DAYS * DAY_MS; day += DAY_MS) {
    const date = new Date(day);
    if (
      !fields.months.includes(date.getUTCMonth() + 1) ||
      !fields.days.includes(date.getUTCDate()) ||
      !fields.daysOfWeek.includes(date.getUTCDay())
    )
      continue;
    for (const hour of fields.hours) {
      if (day + (hour + 1) * HOUR_MS <= after) continue;
      for (const minute of fields.minutes) {
        const start = day + hour * HOUR_MS + minute * MINUTE_MS;
        const second = fields.seconds.find((value) => start + value * SECOND_MS > after);
        if (second !== undefined) return start + second * SECOND_MS;
      }
    }
  }
  return Infinity;
}

function firesWithinMinute({ seconds, minutes, hours, days, months, daysOfWeek }: Ncrontab): boolean {
  const isEveryMinute =
    minutes.length === 60 &&
    hours.length === 24 &&
    days.length === 31 &&
    months.length === 12 &&
    daysOfWeek.length === 7;
  return isEveryMinute && seconds.length > 1;
}
