import type { Report, Verdict } from "./report.ts";

/** What the parts of a report amount to. Nothing verified is nothing proven: a report of no parts is incomplete. */
export function verdictOf({ cells, checks, only }: Pick<Report, "cells" | "checks" | "only">): Verdict {
  const results = [...cells, ...checks].map(({ result }) => result);
  if (results.some((result) => result === "different" || result === "finding")) return "failed";
  const everything = results.length > 0 && only === null && results.every((result) => result === "as-expected");
  return everything ? "passed" : "incomplete";
}
