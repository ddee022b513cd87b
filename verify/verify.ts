/** Runs the plan of the local system or of a deployment, and assembles the report. */
import { type DeploymentOptions, deploymentSource } from "./deployed/source.ts";
import { type LocalOptions, localSource } from "./local/source.ts";
import { matcherOf, NothingMatchesError } from "./model/filter.ts";
import { sameOutcome } from "./model/outcomes.ts";
import type { Observation, PlannedCall, PlannedCheck, Source } from "./model/plan.ts";
import { provenance } from "./model/provenance.ts";
import { type Cell, type Check, type Report, REPORT_SCHEMA } from "./model/report.ts";
import { statusOf } from "./model/status.ts";
import type { Progress } from "./progress.ts";

export interface Verification {
  /** A filter of the ids of calls and checks, see `matcherOf`; null for all of them. */
  readonly only: string | null;
  readonly progress: Progress;
  /** Ends the verification early. Everything that was started is stopped. */
  readonly signal?: AbortSignal;
}

/**
 * Makes every call of the matrix on the local system.
 *
 * @throws NothingMatchesError for a filter without a match; Error if the system does not start, or at the signal
 */
export function verifyLocal(options: Verification & LocalOptions): Promise<Report> {
  const { progress } = options;
  const note = (line: string): void => {
    progress.note(line);
  };
  return verify(() => Promise.resolve(localSource({ ...options, note })), options);
}

/**
 * Compares the configuration of a deployment with the evaluated template, and makes the calls that this machine can make.
 * It reads, and makes the positive calls of the services' contracts. With a probe, it creates the resources of the probe, and
 * removes them. It changes nothing else. With `readOnly`, it only reads.
 *
 * @throws CannotStartError without a deployment or a signed-in account; NothingMatchesError for a filter without a match;
 *   Error at the signal
 */
export function verifyDeployment(options: Verification & DeploymentOptions): Promise<Report> {
  return verify(() => deploymentSource(options), options);
}

async function verify(open: () => Promise<Source>, { only, progress, signal }: Verification): Promise<Report> {
  const startedAt = new Date();
  const source = await open();
  const isWanted = matcherOf(only);
  const checks = source.checks.filter(({ id }) => isWanted(id));
  const calls = source.calls.filter(({ id }) => isWanted(id));
  if (checks.length + calls.length === 0) {
    throw new NothingMatchesError(only, (source.checks[0] ?? source.calls[0])?.id ?? "");
  }

  await using started = new AsyncDisposableStack();
  started.defer(() => source.stop());
  await source.start(calls);
  progress.total(checks.length + calls.length);
  const done = await runChecks(checks, progress, signal);
  const cells = (await makeCalls(calls, source.concurrency, progress, signal)).map(markedBy(source.calls));
  progress.end();

  const parts = { cells, checks: done, only };
  return {
    $schema: REPORT_SCHEMA,
    formatVersion: 1,
    startedAt: startedAt.toISOString(),
    durationSeconds: (Date.now() - startedAt.getTime()) / 1000,
    ...(await provenance()),
    ...(await source.describe(cells)),
    ...parts,
    status: statusOf(parts),
  };
}

/** One after the other: Azure throttles many requests at once. */
async function runChecks(checks: readonly PlannedCheck[], progress: Progress, signal?: AbortSignal): Promise<Check[]> {
  const results: Check[] = [];
  for (const check of checks) {
    signal?.throwIfAborted();
    results.push(await check.run());
    progress.step(check.id);
  }
  return results;
}

async function makeCalls(
  calls: readonly PlannedCall[],
  concurrency: number,
  progress: Progress,
  signal?: AbortSignal,
): Promise<Cell[]> {
  const cells: Cell[] = [];
  const waiting = calls.entries();
  const worker = async (): Promise<void> => {
    for (const [i, call] of waiting) {
      signal?.throwIfAborted();
      cells[i] = cellOf(call, await call.make());
      progress.step(call.id);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return cells;
}

function cellOf({ make: _, ...call }: PlannedCall, observation: Observation): Cell {
  const { actual, exchanges, note, different = false, leftOut, expected = call.expected } = observation;
  const agrees = actual !== null && !different && sameOutcome(expected, actual);
  const result = agrees ? "as-expected" : actual === null && !different ? "not-checked" : "different";
  const common = { ...call, expected, actual, result, note, heldByOneLayer: false, exchanges } as const;
  return leftOut === true ? { ...common, leftOut } : common;
}

/** Marks calls that both layers together refuse, and that succeed with one layer off: only that layer stopped them. */
function markedBy(planned: readonly PlannedCall[]): (cell: Cell) => Cell {
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
