/** One chaos run: starts the test bed, places orders while faults happen, and assesses the result. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { writeFile } from "../tools/write-file.ts";
import { assess, type Assessment } from "./assessment.ts";
import { type Clients, makeOrders, placeOrders, stockFor } from "./clients.ts";
import { type Amounts, describeFault, planFaults } from "./plan.ts";
import { startTestBed } from "./test-bed.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly orders: number;
  readonly amounts: Amounts;
  /** The folder for settings, data and the log. */
  readonly folder: string;
  /** Milliseconds after the last fault within which the system must have recovered. */
  readonly timeoutMs: number;
  /** Gets each line of progress. */
  readonly print: (line: string) => void;
}

export interface ChaosReport extends Assessment {
  readonly clients: Clients;
  /** How many requests each fault affected, by its name. */
  readonly hits: ReadonlyMap<string, number>;
  /** The sums of the numbers that the delivery runs logged. */
  readonly runs: Readonly<Record<string, number>>;
  /** Milliseconds from the last fault or order, whichever was later, until no order was pending. */
  readonly drainedAfterMs: number;
}

/** Runs two caller and two callee processes, places orders, causes the planned faults, and assesses the result. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, amounts, folder, timeoutMs, print } = options;
  const orders = makeOrders(seed, options.orders);
  const plan = planFaults(seed, amounts);
  const stock = stockFor(options.orders);
  const testBed = await startTestBed(seed, folder, stock);
  const { callers, endpoints, hits, log } = testBed;
  try {
    print("Two callers and two callees are up.");
    const began = Date.now();
    const [clients] = await Promise.all([
      placeOrders(callers, orders, amounts.spanMs),
      ...plan.map(async (fault) => {
        await until(began + fault.atMs);
        print(`${seconds(Date.now() - began)}  ${describeFault(fault)}`);
        await testBed.begin(fault);
        await until(began + fault.atMs + fault.lastsMs);
        await testBed.end(fault);
      }),
    ]);
    print(`${seconds(Date.now() - began)}  all orders are placed, and the last fault is over`);
    const faultsOver = Date.now();
    const assessment = await assess({ callers, endpoints, folder, orders, clients, stock, timeoutMs });
    const crashes = log.filter((line) => line.includes("the worker ended"));
    const failures = [...assessment.failures, ...crashes.map((line) => `a worker ended by itself: ${line}`)];
    const drainedAfterMs = assessment.drainedAt - faultsOver;
    return { ...assessment, failures, clients, hits, runs: sumOfRuns(log), drainedAfterMs };
  } finally {
    await testBed.stop();
    await writeFile(join(folder, "chaos.log"), log.join("\n"));
  }
}

function sumOfRuns(log: readonly string[]): Record<string, number> {
  const sums: Record<string, number> = { runs: 0 };
  for (const line of log) {
    const [, json] = /(\{"event":"delivery-run".*\})/.exec(line) ?? [];
    if (json === undefined) continue;
    sums["runs"] = (sums["runs"] ?? 0) + 1;
    const event = JSON.parse(json) as Record<string, unknown>;
    for (const name of ["reserved", "rejected", "stillPending", "unsaved", "retries"]) {
      sums[name] = (sums[name] ?? 0) + Number(event[name] ?? 0);
    }
  }
  return sums;
}

const until = (time: number): Promise<unknown> => delay(Math.max(0, time - Date.now()));
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1).padStart(6)} s`;
