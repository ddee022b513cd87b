/** One chaos run: starts the test bed, submits messages while faults happen, and assesses the result. */
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { isCrash } from "../local/index.ts";
import { writeFile } from "../tools/write-file.ts";
import { assess, type Assessment } from "./assessment.ts";
import { businessOf } from "./business.ts";
import { type Clients, submitMessages } from "./clients.ts";
import { type Amounts, describeFault, planFaults, randomFrom } from "./plan.ts";
import { type Host, startTestBed } from "./test-bed.ts";

export interface ChaosOptions {
  readonly seed: number;
  /** How many messages are submitted. */
  readonly messages: number;
  /** What runs the apps. */
  readonly host: Host;
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
  /** Milliseconds from the last fault or message, whichever was later, until no message was pending. */
  readonly drainedAfterMs: number;
}

/** Runs two caller and two callee processes, submits messages, causes the planned faults, and assesses the result. */
export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  const { seed, amounts, host, folder, timeoutMs, print } = options;
  const business = businessOf();
  const messages = business.sends.messages(options.messages, randomFrom(seed ^ 0x5f3759df));
  const settings = business.sends.settings?.(options.messages) ?? {};
  const plan = planFaults(seed, amounts);
  const testBed = await startTestBed({ seed, host, folder, settings, services: business.services });
  const { callers, endpoints, hits, log } = testBed;
  try {
    print("Two callers and two callees are up.");
    const began = Date.now();
    const [clients] = await Promise.all([
      submitMessages(callers, messages, { seed, spanMs: amounts.spanMs }),
      ...plan.map(async (fault) => {
        await until(began + fault.atMs);
        print(`${seconds(Date.now() - began)}  ${describeFault(fault)}`);
        await testBed.begin(fault);
        await until(began + fault.atMs + fault.lastsMs);
        await testBed.end(fault);
      }),
    ]);
    print(`${seconds(Date.now() - began)}  all messages are submitted, and the last fault is over`);
    const faultsOver = Date.now();
    const assessment = await assess({
      ...{ business, callers, endpoints, folder, messages, clients, timeoutMs },
      settings: settings[business.services.callee] ?? {},
    });
    const crashes = log.filter(isCrash);
    const failures = [...assessment.failures, ...crashes.map((line) => `a process ended by itself: ${line}`)];
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
    for (const name of ["done", "refused", "stuck", "stillPending", "unsaved", "retries"]) {
      sums[name] = (sums[name] ?? 0) + Number(event[name] ?? 0);
    }
  }
  return sums;
}

const until = (time: number): Promise<unknown> => delay(Math.max(0, time - Date.now()));
const seconds = (milliseconds: number): string => `${(milliseconds / 1000).toFixed(1).padStart(6)} s`;
