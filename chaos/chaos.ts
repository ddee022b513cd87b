import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type Clients, makeOrders, placeOrders, stockFor } from "./clients.ts";
import { startGround } from "./test-bed.ts";
import { type Amounts, describeFault, planFaults } from "./plan.ts";
import { judge, type Verdict } from "./assessment.ts";
import { writeFile } from "../tools/write-file.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly orders: number;
  readonly amounts: Amounts;
  /** Everything is kept here. */
  readonly folder: string;
  /** After the last fault, all is well again within so many milliseconds, or that is a failure. */
  readonly patience: number;
  /** Gets each line for the person who watches. */
  readonly print: (line: string) => void;
}

export interface ChaosReport extends Verdict {
  readonly clients: Clients;
  /** How many requests each fault hit, by its name. */
  readonly hits: ReadonlyMap<string, number>;
  /** What the delivery runs logged of themselves, added up. */
  readonly runs: Readonly<Record<string, number>>;
  /** Milliseconds from the last fault, or the last order if that was later, until no order was pending. */
  readonly drainedAfter: number;
}

/** Runs two caller and two callee processes, places orders, lets everything go wrong by plan, and judges what is left. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, amounts, folder, print } = options;
  const orders = makeOrders(seed, options.orders);
  const plan = planFaults(seed, amounts);
  const stock = stockFor(options.orders);
  const ground = await startGround(seed, folder, stock);
  try {
    print("Two callers and two callees are up.");
    const began = Date.now();
    const [clients] = await Promise.all([
      placeOrders(ground.callers, orders, amounts.span),
      ...plan.map(async (fault) => {
        await until(began + fault.at);
        print(`${seconds(Date.now() - began)}  ${describeFault(fault)}`);
        await ground.begin(fault);
        await until(began + fault.at + fault.lasts);
        await ground.end(fault);
      }),
    ]);
    print(`${seconds(Date.now() - began)}  all orders are placed, and nothing goes wrong any more`);
    const calm = Date.now();
    const { callers, endpoints, hits, log } = ground;
    const verdict = await judge({ callers, endpoints, folder, orders, clients, stock, patience: options.patience });
    const deaths = log.filter((line) => line.includes("the worker ended"));
    const failures = [...verdict.failures, ...deaths.map((line) => `a worker died that nobody killed: ${line}`)];
    return {
      ...verdict,
      failures,
      clients,
      hits,
      runs: addUp(log),
      drainedAfter: verdict.drainedAt - calm,
    };
  } finally {
    await ground.stop();
    await writeFile(join(folder, "chaos.log"), ground.log.join("\n"));
  }
}

function addUp(log: readonly string[]): Record<string, number> {
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
