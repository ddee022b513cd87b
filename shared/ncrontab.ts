// Parses NCRONTAB expressions.

/** The values at which each field of a schedule matches, ascending. A time matches when all six fields do. */
export interface Ncrontab {
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** 1 to 31. */
  readonly days: readonly number[];
  /** 1 to 12. */
  readonly months: readonly number[];
  /** 0 is Sunday, 6 Saturday. */
  readonly daysOfWeek: readonly number[];
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
const FIELDS: Readonly<Record<keyof Ncrontab, Field>> = {
  seconds: { name: "second", min: 0, max: 59 },
  minutes: { name: "minute", min: 0, max: 59 },
  hours: { name: "hour", min: 0, max: 23 },
  days: { name: "day", min: 1, max: 31 },
  months: { name: "month", min: 1, max: 12, names: MONTHS },
  daysOfWeek: { name: "day of week", min: 0, max: 6, names: DAYS },
};

/**
 * Reads an NCRONTAB expression as the Functions host does: by the rules of its library NCrontab (`CrontabField.cs` and
 * `CrontabFieldImpl.cs` of atifaziz/NCrontab). Lists, ranges, steps and names; no `?`, `L`, `W`, `#`.
 *
 * @param expression six fields, seconds first; five fields mean second 0
 * @throws Error saying what is not allowed in which field, and what is
 * @see https://learn.microsoft.com/azure/azure-functions/functions-bindings-timer#ncrontab-expressions
 */
export function parseNcrontab(expression: string): Ncrontab {
  const given = expression.trim().split(/\s+/);
  if (given.length !== 5 && given.length !== 6) throw new Error(`six fields (seconds first) expected: ${FORM}`);
  const texts = given.length === 5 ? ["0", ...given] : given;
  const fields = Object.entries(FIELDS).map(([key, field], index) => [key, valuesOf(texts[index] ?? "", field)]);
  return Object.fromEntries(fields) as Record<keyof Ncrontab, readonly number[]>;
}

/** True for what {@link parseNcrontab} can read. */
export function isNcrontab(expression: string): boolean {
  try {
    parseNcrontab(expression);
    return true;
  } catch {
    return false;
  }
}

function valuesOf(text: string, field: Field): readonly number[] {
  const values = new Set(text.split(",").flatMap((item) => valuesOfItem(item, field)));
  return [...values].sort((one, other) => one - other);
}

function valuesOfItem(item: string, field: Field): readonly number[] {
  const [, first, last, step] = /^(\*|\w+(?:-(\w+))?)(?:\/(\d+))?$/.exec(item) ?? [];
  if (first === undefined) throw new Error(`"${item}" is not allowed in the field ${field.name} of ${FORM}`);
  const from = first === "*" ? field.min : toNumber(first.split("-")[0] ?? "", field);
  // "5/10" means from 5 on to the end.
  const to = last !== undefined ? toNumber(last, field) : first === "*" || step !== undefined ? field.max : from;
  // A range given backwards is turned round, and a step of 0 is 1: NCrontab's `Accumulate` does both.
  const [low, high, by] = [Math.min(from, to), Math.max(from, to), Math.max(Number(step ?? 1), 1)];
  return Array.from({ length: Math.floor((high - low) / by) + 1 }, (_, index) => low + index * by);
}

function toNumber(text: string, { name, min, max, names = [] }: Field): number {
  // Any beginning of a name stands for it ("Mon", "MONDAY").
  const byName = names.findIndex((known) => known.startsWith(text.toLowerCase()));
  const value = byName >= 0 ? byName + min : /^\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new Error(`"${text}" is not allowed in the field ${name}, which takes ${min} to ${max}`);
}
