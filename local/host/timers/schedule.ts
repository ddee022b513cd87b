import { type Ncrontab, parseNcrontab } from "@restricted-calls/shared/ncrontab";

/** When a timer fires. All times are UTC, as on Azure unless WEBSITE_TIME_ZONE says otherwise. */
export interface TimerSchedule {
  readonly expression: string;
  /** Whether status is kept across restarts: not for schedules that can fire more than once a minute. */
  readonly monitored: boolean;
  readonly adjustForDst: boolean;
  /** The first occurrence after that time (milliseconds since the epoch). */
  nextAfter(time: number): number;
}

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** No schedule that matches at all waits longer: 29 February falls on each day of the week once in 40 years. */
const FAR = 41 * 366;

/**
 * Reads a timer's schedule: NCRONTAB, see {@link parseNcrontab}, or a TimeSpan such as "00:00:30".
 *
 * @throws Error saying what is wrong with the expression
 */
export function parseSchedule(expression: string): TimerSchedule {
  const interval = parseTimeSpan(expression);
  if (interval !== undefined && interval > 0) {
    const nextAfter = (time: number): number => time + interval;
    return { expression, monitored: interval >= MINUTE, adjustForDst: false, nextAfter };
  }
  const fields = parseNcrontab(expression);
  const nextAfter = (time: number): number => nextMatch(fields, time);
  if (nextAfter(Date.now()) === Infinity) throw new Error("no date ever matches it");
  return { expression, monitored: !firesWithinMinute(fields), adjustForDst: true, nextAfter };
}

/** Reads "[d.]hh:mm:ss[.fff]". Returns milliseconds, or undefined when the text is no TimeSpan. */
export function parseTimeSpan(text: string): number | undefined {
  const match = /^(?:(\d+)\.)?(\d{1,2}):(\d{1,2})(?::(\d{1,2})(\.\d{1,7})?)?$/.exec(text);
  if (match === null) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0, fraction = 0] = match
    .slice(1)
    .map((part: string | undefined) => Number(part ?? 0));
  if (hours > 23 || minutes > 59 || seconds > 59) return undefined;
  return (((days * 24 + hours) * 60 + minutes) * 60 + seconds + fraction) * 1000;
}

/** Day and day of week must both match, where classic cron is content with either. */
function nextMatch(fields: Ncrontab, after: number): number {
  const today = Math.floor(after / DAY) * DAY;
  for (let day = today; day < today + FAR * DAY; day += DAY) {
    const date = new Date(day);
    if (
      !fields.months.includes(date.getUTCMonth() + 1) ||
      !fields.days.includes(date.getUTCDate()) ||
      !fields.daysOfWeek.includes(date.getUTCDay())
    )
      continue;
    for (const hour of fields.hours) {
      if (day + (hour + 1) * HOUR <= after) continue;
      for (const minute of fields.minutes) {
        const start = day + hour * HOUR + minute * MINUTE;
        const second = fields.seconds.find((value) => start + value * SECOND > after);
        if (second !== undefined) return start + second * SECOND;
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
