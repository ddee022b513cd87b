// The failed attempts of a message, bounded.

/** Why delivery failed, and how often. */
export interface Setback {
  readonly what: string;
  readonly times: number;
  readonly first: string;
  readonly last: string;
}

/** A column of Table storage has at most 32,000 characters: six times what these two allow. */
const MAX_HISTORY = 10;
const MAX_TEXT_LENGTH = 500;

/** Ids and times of single requests, as Entra ID, MSAL and App Service write them into the text of an error. */
const REQUEST_ID =
  /\b(?:trace|correlation|request)[ _-]?id\b["']?\s*[:=]?\s*["']?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}["']?/gi;
const TIME = /(?:\btimestamp\b["']?\s*[:=]?\s*)?["'[]?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?["'\]]?/gi;

/**
 * Adds why delivery failed. A repeated cause is one entry: ids and times of single requests are removed. The first cause
 * stays beside the latest ones, because the others often follow from it.
 */
export function withSetback(history: readonly Setback[], what: string, now: Date): readonly Setback[] {
  const at = now.toISOString();
  const cause = bounded(what.replace(REQUEST_ID, "").replace(TIME, ""));
  const latest = history.at(-1);
  if (latest?.what === cause) return [...history.slice(0, -1), { ...latest, times: latest.times + 1, last: at }];
  const all = [...history, { what: cause, times: 1, first: at, last: at }];
  return all.length <= MAX_HISTORY ? all : [...all.slice(0, 1), ...all.slice(1 - MAX_HISTORY)];
}

/** Shortens a text to one well-formed line that fits into a column with others. */
export function bounded(text: string, length = MAX_TEXT_LENGTH): string {
  return text
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, length)
    .toWellFormed();
}
