import { Cron } from "croner";

/** When a timer fires. All times are UTC, as on Azure unless WEBSITE_TIME_ZONE says otherwise. */
export interface TimerSchedule {
  readonly expression: string;
  /** Whether status is kept across restarts: not for schedules that can fire more than once a minute. */
  readonly monitored: boolean;
  readonly adjustForDst: boolean;
  /** The first occurrence after that time (milliseconds since the epoch). */
  nextAfter(time: number): number;
}

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const FORM = "{second} {minute} {hour} {day} {month} {day of week}";
const MONTHS = "january february march april may june july august september october november december".split(" ");
const DAYS = "sunday monday tuesday wednesday thursday friday saturday".split(" ");
const FIELDS: readonly Field[] = [
  { name: "second", min: 0, max: 59 },
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: MONTHS },
  { name: "day of week", min: 0, max: 6, names: DAYS },
];

/**
 * Reads a timer's schedule: NCRONTAB with six fields (seconds first) or five, or a TimeSpan such as "00:00:30".
 *
 * @throws Error saying what is wrong with the expression
 * @see https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 */
export function parseSchedule(expression: string): TimerSchedule {
  const interval = parseTimeSpan(expression);
  if (interval !== undefined && interval > 0) {
    const nextAfter = (time: number): number => time + interval;
    return { expression, monitored: interval >= 60_000, adjustForDst: false, nextAfter };
  }
  const given = expression.trim().split(/\s+/);
  if (given.length !== 5 && given.length !== 6) throw new Error(`six fields (seconds first) expected: ${FORM}`);
  const fields = given.length === 5 ? ["0", ...given] : given;
  const values = FIELDS.map((field, index) => spellOut(fields[index] ?? "", field));
  // NCRONTAB wants day and day of week both to match, where classic cron is content with either.
  const cron = new Cron(values.join(" "), { mode: "6-part", domAndDow: true, timezone: "UTC" });
  const nextAfter = (time: number): number => cron.nextRun(new Date(time))?.getTime() ?? Infinity;
  if (nextAfter(Date.now()) === Infinity) throw new Error("no date ever matches it");
  return { expression, monitored: !firesWithinMinute(values, nextAfter), adjustForDst: true, nextAfter };
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

/** Checks a field by NCRONTAB's rules (lists, ranges, steps, names; no `?`, `L`, `W`, `#`) and lists all its values. */
function spellOut(text: string, field: Field): string {
  const values = new Set(text.split(",").flatMap((item) => valuesOf(item, field)));
  return values.size > field.max - field.min ? "*" : [...values].join(",");
}

function valuesOf(item: string, field: Field): readonly number[] {
  const [, first, last, step] = /^(\*|\w+(?:-(\w+))?)(?:\/(\d+))?$/.exec(item) ?? [];
  if (first === undefined || Number(step) === 0) {
    throw new Error(`"${item}" is not allowed in the field ${field.name} of ${FORM}`);
  }
  const from = first === "*" ? field.min : toNumber(first.split("-")[0] ?? "", field);
  // "5/10" means from 5 on to the end; a range given backwards is turned round.
  const to = last !== undefined ? toNumber(last, field) : first === "*" || step !== undefined ? field.max : from;
  const [low, high, by] = [Math.min(from, to), Math.max(from, to), Number(step ?? 1)];
  return Array.from({ length: Math.floor((high - low) / by) + 1 }, (_, index) => low + index * by);
}

function toNumber(text: string, { name, min, max, names = [] }: Field): number {
  // Any beginning of a name stands for it, as in NCRONTAB ("Mon", "MONDAY").
  const byName = names.findIndex((known) => known.startsWith(text.toLowerCase()));
  const value = byName >= 0 ? byName + min : /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new Error(`"${text}" is not allowed in the field ${name}, which takes ${min} to ${max}`);
}

function firesWithinMinute(values: readonly string[], nextAfter: (time: number) => number): boolean {
  if (values.slice(1).some((value) => value !== "*")) return false;
  const first = nextAfter(0);
  return nextAfter(first) - first < 60_000;
}
