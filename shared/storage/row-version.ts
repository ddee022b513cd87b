// Schema versions of rows, for two versions of an app at once.
import { ProblemError } from "../problem.ts";

/**
 * Rows have the version of their schema, because two versions of an app may use them: during a deployment, and after a
 * rollback. The version is increased only if earlier code must not change such rows. A new column is no new version: rows
 * are merged, and a reader ignores unknown columns.
 */
export interface VersionedRow {
  readonly version: number;
}

/** True for a row that a later version of the app wrote and this one must not change. */
export function isNewer({ version }: VersionedRow, known: number): boolean {
  return version > known;
}

/** @throws ProblemError 503 `newer-row` for a row that this version of the app must not change */
export function requireKnown(row: VersionedRow, known: number): void {
  if (!isNewer(row, known)) return;
  throw new ProblemError({
    status: 503,
    code: "newer-row",
    detail:
      "A later version of this service wrote this, and this version must not change it. Try again when it has been deployed.",
    headers: { "Retry-After": "60" },
  });
}
