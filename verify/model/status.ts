/** The status of a report, and the exit code of the command. */
import type { Report, Status } from "./report.ts";

/** A report without calls and checks is incomplete. */
export function statusOf({ cells, checks, only }: Pick<Report, "cells" | "checks" | "only">): Status {
  const results = [...cells, ...checks].map(({ result }) => result);
  if (results.some((result) => result === "different" || result === "finding")) return "failed";
  const everything = results.length > 0 && only === null && results.every((result) => result === "as-expected");
  return everything ? "passed" : "incomplete";
}

/** 1: something differs. 3: nothing differs, but a check could not be read, or no call was made. What `--read-only` leaves out is 0. */
export function exitCodeOf({ status, checks, cells }: Pick<Report, "status" | "checks" | "cells">): 0 | 1 | 3 {
  if (status === "failed") return 1;
  const asked = cells.filter(({ leftOut }) => leftOut !== true);
  const noCall = asked.length > 0 && asked.every(({ result }) => result === "not-checked");
  return noCall || checks.some(({ result, leftOut }) => result === "not-checked" && leftOut !== true) ? 3 : 0;
}
