/** npm run bench -- growth: how the local system and the proof grow with the number of services. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { apiNames } from "@restricted-calls/shared/access-policy";
import { accessPolicy, serviceNames } from "../tools/access-policy.ts";
import { typicalOperation } from "../tools/contracts.ts";
import { environmentFor } from "../tools/environment.mjs";
import { copyRepository } from "../tools/testing/repository-copy.ts";
import { newService, updateSnapshot } from "../tools/testing/service-of-copy.ts";
import type { Bench, BenchReport, Ratio } from "@restricted-calls/shared/contract-bench";

const SIZES = [2, 5, 10, 20];
/** The most grants of a service. */
const GRANTS = 8;
/** Beside what grows, there is a part that does not: a start and a proof of two services show it. */
const MUCH_MORE = 1.1;

interface Measured {
  readonly services: number;
  readonly grants: number;
  readonly startSeconds: number;
  /** NaN where the operating system does not say. */
  readonly megabytes: number;
  readonly calls: number;
  readonly verifySeconds: number;
}

/** Grows a copy of this repository by `npm run new:service`, and measures it at each size. */
export const bench: Bench = async (progress) => {
  await using started = new AsyncDisposableStack();
  const { folder } = started.adopt(copyRepository("growth-"), (copy) => {
    copy.remove();
  });
  const measured: Measured[] = [];
  /** A service, with a role of it. */
  const leaves = apiNames(accessPolicy).map((service) => `${service}:${typicalOperation(service).role}`);
  for (const size of SIZES) {
    for (let i = measured.at(-1)?.services ?? serviceNames.length; i < size; i++) addService(folder, i, leaves);
    updateSnapshot(folder);
    const { grants } = policyOf(folder);
    progress(`${size} services, ${grants} grants ...`);
    measured.push({ services: size, grants, ...(await measureStart(folder)), ...(await measureProof(folder)) });
  }
  return reportOf(measured);
};

/** Every other service is only called. The others call several of these, so that no call leads to many more. */
function addService(folder: string, number: number, leaves: string[]): void {
  const name = `growth${number}-func`;
  const use = `Growth${number}.Use`;
  if (number % 2 === 0) {
    const roles = [use, `Growth${number}.Manage`];
    newService(folder, name, ...roles.flatMap((role) => ["--offers", role]));
    leaves.push(...roles.map((role) => `${name}:${role}`));
    return;
  }
  const calls = leaves.slice(-GRANTS).flatMap((leaf) => ["--calls", leaf]);
  newService(folder, name, ...calls, "--offers", use);
}

function policyOf(folder: string): { readonly grants: number } {
  const { services } = JSON.parse(readFileSync(join(folder, "shared", "access-policy.json"), "utf8")) as {
    readonly services: Readonly<Record<string, { readonly callers: Readonly<Record<string, readonly string[]>> }>>;
  };
  return { grants: Object.values(services).flatMap(({ callers }) => Object.values(callers).flat()).length };
}

/** The time until `npm start` is ready, and the memory of all of its processes then. */
async function measureStart(folder: string): Promise<Pick<Measured, "startSeconds" | "megabytes">> {
  const began = performance.now();
  const child = run(folder, "local/commands/start.ts", "--free-ports");
  let output = "";
  const ready = new Promise<void>((resolve) => {
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.includes("apps are running")) resolve();
    });
  });
  const ended = once(child, "exit").then(() => "ended");
  try {
    if ((await Promise.race([ready, ended])) === "ended") throw new Error(`npm start ended:\n${output}`);
    const startSeconds = (performance.now() - began) / 1000;
    return { startSeconds, megabytes: memoryOf(child.pid ?? 0) };
  } finally {
    child.kill("SIGINT");
    await ended;
  }
}

/** The calls of `npm run verify`, and their time, with a system of its own. */
async function measureProof(folder: string): Promise<Pick<Measured, "calls" | "verifySeconds">> {
  const began = performance.now();
  const report = join(folder, ".local", "verify");
  const child = run(folder, "verify/main.ts", "--report", report);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`npm run verify ended with ${code ?? "a signal"}:\n${output}`);
  const { cells } = JSON.parse(readFileSync(join(report, "report.json"), "utf8")) as { readonly cells: unknown[] };
  return { calls: cells.length, verifySeconds: (performance.now() - began) / 1000 };
}

function run(folder: string, ...args: readonly string[]) {
  return spawn(process.execPath, args, { cwd: folder, env: environmentFor(), stdio: ["ignore", "pipe", "inherit"] });
}

/** Megabytes of a process and its descendants. Memory that several processes share counts once (Linux: proc_pid_smaps). */
function memoryOf(root: number): number {
  if (!existsSync("/proc/self/smaps_rollup")) return NaN;
  const parents = readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid)) return [];
    const parent = /^PPid:\s+(\d+)/m.exec(read(`/proc/${pid}/status`))?.[1];
    return [[Number(pid), Number(parent)] as const];
  });
  const all = new Set([root]);
  // The loop also visits the processes that it adds to the set.
  for (const pid of all) for (const [child, parent] of parents) if (parent === pid) all.add(child);
  const kilobytes = [...all].map((pid) => Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0));
  return kilobytes.reduce((sum, value) => sum + value, 0) / 1024;
}

/** @returns nothing of a process that has ended */
function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function reportOf(measured: readonly Measured[]): BenchReport {
  const figures = measured.map(({ services, grants, startSeconds, megabytes, calls, verifySeconds }) => [
    `${services} services, ${grants} grants`,
    `start ${startSeconds.toFixed(1)} s, ${megabytes.toFixed(0)} MB; verify ${calls} calls, ${verifySeconds.toFixed(0)} s`,
  ]);
  const [first] = measured;
  const last = measured.at(-1);
  const growthOf = (value: (of: Measured) => number): number => (last && first ? value(last) / value(first) : NaN);
  const cells = growthOf(({ calls }) => calls);
  const ratio = (name: string, value: (of: Measured) => number): Ratio => ({
    name: `growth of ${name} / growth of the calls, from ${first?.services ?? 0} to ${last?.services ?? 0} services`,
    value: growthOf(value) / cells,
    atMost: MUCH_MORE,
  });
  return {
    title: "Growth",
    statistic: "one run",
    figures: Object.fromEntries(figures) as Record<string, string>,
    ratios: [
      ratio("the start's time", ({ startSeconds }) => startSeconds),
      ratio("memory", ({ megabytes }) => megabytes),
      ratio("the proof's time", ({ verifySeconds }) => verifySeconds),
    ],
    notes: ["Copies of this repository, grown by `npm run new:service`. Memory: of all processes, by PSS."],
  };
}
