import { ProblemError } from "../problem.ts";

/**
 * Rows carry the version of their schema, and several versions of an app may meet them: the old and the new one during a
 * deployment, the old one after it was taken back. The version rises only where earlier code must not change such rows;
 * a column more is no new version, because rows are merged and a reader leaves alone what it does not know.
 */
export interface VersionedRow {
  /** Rows from before there were versions have none: version 0. */
  readonly version?: number;
}

/** True for a row that a later version of the app wrote and this one must not change. */
export function isNewer({ version = 0 }: VersionedRow, known: number): boolean {
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
