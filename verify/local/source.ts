import { randomUUID } from "node:crypto";
import { accessPolicy } from "../../tools/access-policy.ts";
import type { Endpoints } from "../../local/index.ts";
import { callersOf } from "../model/callers.ts";
import { type PlannedCell, plannedCells } from "./matrix.ts";
import { type Ground, prepareGround } from "./test-bed.ts";
import { everyOperation } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import { prepareCalls, runCell } from "./calls.ts";
import { matcherOf, nothingMatches } from "../model/filter.ts";
import type { Progress } from "../progress.ts";
import { provenance } from "../model/provenance.ts";
import { type Cell, type Policy, type Report, REPORT_SCHEMA } from "../model/report.ts";
import { verdictOf } from "../model/status.ts";

export interface LocalVerification {
  /** A filter of the cells' ids, see `matcherOf`; null for all of them. */
  readonly only: string | null;
  /** Where a running local system has its `endpoints.json`; without one, a system of its own is started. */
  readonly folder: string;
  /** Runs the apps of a system of its own; undefined where the running one will do. */
  readonly host?: Endpoints["host"] | undefined;
  readonly progress: Progress;
  /** Ends the verification early; what was started is stopped. */
  readonly signal?: AbortSignal;
}

const policy: Policy = { services: accessPolicy.services };

/** Calls at once: enough to keep two cores busy, few enough that none waits for long. */
const AT_ONCE = 8;

/**
 * Makes every call of the matrix on a local system, and reports how each ended.
 *
 * @throws Error where the filter matches no call, where the system cannot be started, or at the signal
 */
export async function verifyLocal({ only, folder, host, progress, signal }: LocalVerification): Promise<Report> {
  const startedAt = new Date();
  const planned = plannedCells(policy);
  const isAskedFor = matcherOf(only);
  const cells = planned.filter(({ id }) => isAskedFor(id));
  if (cells.length === 0) throw new Error(nothingMatches(only, planned[0]?.id ?? ""));

  const note = (line: string): void => {
    progress.note(line);
  };
  const ground = await prepareGround(folder, policy, note, signal, host);
  try {
    await prepareCalls(ground);
    progress.total(cells.length);
    const results = await runAll(cells, ground, progress, signal);
    progress.end();
    const parts = { cells: results.map(markedBy(planned)), checks: [], only };
    return {
      $schema: REPORT_SCHEMA,
      formatVersion: 1,
      target: ground.target,
      startedAt: startedAt.toISOString(),
      durationSeconds: (Date.now() - startedAt.getTime()) / 1000,
      ...(await provenance()),
      policy,
      origins: originsOf(policy, "callee-func").map(({ id, title }) => ({ id, title })),
      callers: callersOf(policy, "callee-func").map(({ id, title, description }) => ({ id, title, description })),
      operations: everyOperation,
      ...parts,
      verdict: verdictOf(parts),
    };
  } finally {
    await ground.stop();
  }
}

async function runAll(
  cells: readonly PlannedCell[],
  ground: Ground,
  progress: Progress,
  signal?: AbortSignal,
): Promise<Cell[]> {
  const run = randomUUID();
  const results: Cell[] = [];
  const waiting = cells.entries();
  const worker = async (): Promise<void> => {
    for (const [i, cell] of waiting) {
      signal?.throwIfAborted();
      results[i] = await runCell(cell, ground, policy, `${run}-${i}`);
      progress.step(cell.id);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return results;
}

/** Marks what only the layer that is switched off had held: refused with both on, and let through now. */
function markedBy(planned: readonly PlannedCell[]): (cell: Cell) => Cell {
  const withBoth = new Map(
    planned.filter(({ layers }) => layers === "both").map(({ id, expected }) => [withoutLayers(id), expected]),
  );
  return (cell) => {
    const refusedByBoth = withBoth.get(withoutLayers(cell.id))?.refusedBy !== "nobody";
    return { ...cell, heldByOneLayer: cell.layers !== "both" && refusedByBoth && cell.actual?.refusedBy === "nobody" };
  };
}

function withoutLayers(id: string): string {
  return id.slice(id.indexOf("/"));
}
