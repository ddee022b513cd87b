// Reads a Retry-After header (RFC 9110).

/** The longest wait that is accepted, in milliseconds: a wrong clock must not delay a call for days. */
const LONGEST_MS = 3600_000;

/**
 * Reads a `Retry-After` header: seconds, or an HTTP-date in one of the three formats that a recipient must accept.
 * `Date.parse` alone accepts nearly everything as a date, in local time if there is no time zone.
 *
 * @returns milliseconds from now, at most an hour; undefined if there is no readable value
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
 */
export function readRetryAfter(value: unknown, now = Date.now()): number | undefined {
  if (typeof value !== "string") return undefined;
  const milliseconds = /^\d+$/.test(value) ? Number(value) * 1000 : readHttpDate(value, now) - now;
  return Number.isNaN(milliseconds) ? undefined : Math.min(Math.max(milliseconds, 0), LONGEST_MS);
}

const DAY = "(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day";
const RFC_850 = new RegExp(String.raw`^${DAY}, (\d\d)-([A-Z][a-z]{2})-(\d\d) (\S{8}) GMT$`);
const ASCTIME = /^([A-Z][a-z]{2}) ([A-Z][a-z]{2}) ([ \d]\d) (\S{8}) (\d{4})$/;

/**
 * Milliseconds since 1970; NaN for anything else. The two obsolete formats are rewritten to IMF-fixdate. `toUTCString` writes
 * IMF-fixdate, so only a date that it writes unchanged is one.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7
 */
function readHttpDate(value: string, now: number): number {
  const fixdate = value
    .replace(RFC_850, (_, day: string, date: string, month: string, year: string, time: string) =>
      [`${day.slice(0, 3)},`, date, month, fullYear(Number(year), now), time, "GMT"].join(" "),
    )
    .replace(ASCTIME, (_, day: string, month: string, date: string, time: string, year: string) =>
      [`${day},`, date.replace(" ", "0"), month, year, time, "GMT"].join(" "),
    );
  const time = Date.parse(fixdate);
  return new Date(time).toUTCString() === fixdate ? time : NaN;
}

/** A two-digit year more than 50 years ahead is the latest such year in the past. */
function fullYear(twoDigits: number, now: number): number {
  const thisYear = new Date(now).getUTCFullYear();
  const year = thisYear - (thisYear % 100) + twoDigits;
  return year > thisYear + 50 ? year - 100 : year;
}
