import type { Report, Verdict } from "./report.ts";

/** What the parts of a report amount to. Nothing verified is nothing proven: a report of no parts is incomplete. */
export function verdictOf({ cells, checks, only }: Pick<Report, "cells" | "checks" | "only">): Verdict {
  const results = [...cells, ...checks].map(({ result }) => result);
  if (results.some((result) => result === "different" || result === "finding")) return "failed";
  const everything = results.length > 0 && only === null && results.every((result) => result === "as-expected");
  return everything ? "passed" : "incomplete";
}

/**
 * How the command ends: 1 where anything differs; 3 where nothing does, and some configuration could not be read or not
 * one of the calls could be made.
 */
export function exitCodeOf({ verdict, checks, cells }: Pick<Report, "verdict" | "checks" | "cells">): 0 | 1 | 3 {
  if (verdict === "failed") return 1;
  const noCall = cells.length > 0 && cells.every(({ result }) => result === "not-checked");
  return noCall || checks.some(({ result }) => result === "not-checked") ? 3 : 0;
}
