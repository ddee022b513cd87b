import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { contracts } from "../../tools/contracts.ts";
import { runChaos } from "../chaos.ts";
import { summary } from "../main.ts";
import { all, brief, planFaults } from "../plan.ts";

const LONG_MS = 180_000;
const isSupplied = Object.values(contracts).some(({ chaos }) => chaos?.sends !== undefined);

/** A short `npm run chaos`: see `brief` for the faults that it lacks. */
test.skipIf(!isSupplied)(
  "messages survive faults: each has its effect exactly once",
  { timeout: LONG_MS, tags: "needs-chaos" },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
    const printed: string[] = [];
    const print = (line: string): void => {
      printed.push(line);
    };
    const options = {
      seed: 7,
      messages: 120,
      host: "embedded",
      amounts: brief,
      folder,
      timeoutMs: 90_000,
      print,
    } as const;
    const report = await runChaos(options);
    await rm(folder, { recursive: true, force: true });
    expect(report.failures, [...printed, summary(report)].join("\n")).toEqual([]);
    expect(report.done).toBeGreaterThan(50);
    expect(report.refused).toBeGreaterThan(0);
    expect(report.clients.accepted.size).toBeGreaterThan(100);
  },
);

describe("a fault plan", () => {
  test("is the same for the same seed, and differs for another seed", () => {
    expect(planFaults(42, all)).toEqual(planFaults(42, all));
    expect(planFaults(42, all)).not.toEqual(planFaults(43, all));
  });

  test("has every fault, within its time span", () => {
    for (let seed = 0; seed < 50; seed++) {
      const plan = planFaults(seed, all);
      expect(new Set(plan.map(({ kind }) => kind)).size).toBe(7);
      for (const how of ["429", "lost", "slow", "500", "503", "done-500", "timeout"]) {
        expect(plan.some((fault) => "how" in fault && fault.how === how)).toBe(true);
      }
      expect(
        plan
          .filter((fault) => fault.kind === "kill")
          .map(({ app }) => app)
          .sort(),
      ).toEqual([
        ...Array.from({ length: all.killCallee }, () => "callee"),
        ...Array.from({ length: all.killCaller }, () => "caller"),
      ]);
      for (const { atMs, lastsMs } of plan) expect(atMs >= 0 && atMs + lastsMs <= all.spanMs).toBe(true);
    }
  });
});
