// The time in which a guard only reports what it would refuse.
import * as v from "valibot";
import type { Caller } from "../authorization/claims.ts";
import { type Problem, ProblemError } from "../problem.ts";

/** The most days ahead. */
const MOST_DAYS = 90;
const MOST_MS = MOST_DAYS * 24 * 3600_000;

/** The date from which on a guard refuses, or none. One that has passed is valid: the guard refuses, and the app must still start. */
export const reportOnlyDate = v.pipe(
  v.optional(
    v.pipe(
      v.string(),
      v.check((date) => msUntil(date) <= MOST_MS),
    ),
  ),
  v.description(`a date, YYYY-MM-DD, at most ${MOST_DAYS} days ahead`),
);

/** Whether a guard only reports now. Without a date, or with one that is unreadable or too far ahead, it refuses. */
export function onlyReports(until: string | undefined): boolean {
  const left = until === undefined ? NaN : msUntil(until);
  return left > 0 && left <= MOST_MS;
}

/** In place of a caller that is not known: a handler that looks at it ends the call with the refusal. */
export function unknownCaller(refusal: Problem): Caller {
  const refuse = (): never => {
    throw new ProblemError(refusal);
  };
  return new Proxy({} as Caller, { get: refuse, has: refuse, ownKeys: refuse, getOwnPropertyDescriptor: refuse });
}

/** Milliseconds to the first moment of a date in UTC; NaN if the text is no date. */
function msUntil(date: string): number {
  const first = new Date(date);
  return first.toJSON() === `${date}T00:00:00.000Z` ? first.getTime() - Date.now() : NaN;
}
