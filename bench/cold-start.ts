import { execFile } from "node:child_process";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { build, type Plugin } from "esbuild";
import { apps, stage } from "../build.ts";
import { median } from "./measure.ts";
import type { BenchReport, Ratio } from "./report.ts";

const ROUNDS = Number(process.env["COLD_START_ROUNDS"] ?? 15);
const root = join(import.meta.dirname, "..");

/** What both apps need to load at all; nothing is called. */
const ID = "00000000-0000-4000-8000-000000000001";
const settings = {
  AZURE_TENANT_ID: ID,
  AZURE_CLIENT_ID: ID,
  API_CLIENT_ID: ID,
  API_IDENTIFIER_URI: `api://${ID}`,
  ALLOWED_CALLERS: ID,
  INVENTORY_TABLE_ENDPOINT: "https://callee.table.core.windows.net",
  CALLEE_URL: "https://callee.example.com",
  CALLEE_SCOPE: `api://${ID}/.default`,
  ORDERS_TABLE_ENDPOINT: "https://caller.table.core.windows.net",
  DELIVERY_SCHEDULE: "*/10 * * * * *",
};

interface Start {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly functions: number;
}

interface Way {
  readonly name: string;
  readonly file?: string;
  readonly cache?: string;
}

/** From the start of a process to the functions registered, bundled and not, net of an empty Node process. */
export async function bench(progress: (line: string) => void): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), "cold-start-"));
  const figures: Record<string, string> = {};
  const ratios: Ratio[] = [];
  try {
    for (const app of apps) {
      const ways = await prepare(app, join(folder, app));
      const starts = await interleaved(ways, (round) => {
        progress(`${app}: round ${round} of ${ROUNDS}`);
      });
      const net = (name: string, by: "wallMs" | "cpuMs"): number =>
        typical(starts, name, by) - typical(starts, "empty", by);
      for (const { name } of ways) {
        if (name === "empty") continue;
        const all = (starts.get(name) ?? []).map(({ wallMs }) => wallMs - typical(starts, "empty", "wallMs"));
        const spread = `${Math.min(...all).toFixed(0)} to ${Math.max(...all).toFixed(0)}`;
        const figure = `${net(name, "wallMs").toFixed(0)} ms (${spread}); CPU ${net(name, "cpuMs").toFixed(0)} ms`;
        figures[`${app}, ${name}`] = figure;
      }
      const ratio = (name: string, by: "wallMs" | "cpuMs"): number => net(name, by) / net("unbundled", by);
      ratios.push(
        { name: `${app}: bundle / unbundled`, value: ratio("bundle", "wallMs"), atMost: 0.5 },
        { name: `${app}: bundle, warm cache / unbundled`, value: ratio("bundle, warm cache", "wallMs"), atMost: 0.35 },
        { name: `${app}: bundle / unbundled, CPU`, value: ratio("bundle", "cpuMs") },
        { name: `${app}: bundle, warm cache / unbundled, CPU`, value: ratio("bundle, warm cache", "cpuMs") },
      );
      figures[`${app}, size of the bundle`] = `${(await stat(join(folder, app, "bundle", "main.js"))).size} bytes`;
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    title: "Cold start: process start to functions registered",
    figures,
    ratios,
    notes: [
      `${ROUNDS} process starts of each, interleaved; times are net of an empty Node process; in brackets the spread.`,
      "Unbundled: our own sources transpiled into one file, every package resolved in node_modules at run time.",
    ],
  };
}

async function prepare(app: string, folder: string): Promise<Way[]> {
  const bundle = join(await stage(app, join(folder, "bundle")), "main.js");
  const unbundled = join(folder, "unbundled", "main.js");
  await build({
    entryPoints: [join(root, app, "src", "main.ts")],
    outfile: unbundled,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    plugins: [packagesAtRunTime],
    logLevel: "warning",
  });
  const cache = join(folder, "cache");
  await start({ name: "warms the cache", file: bundle, cache });
  return [
    { name: "empty" },
    { name: "unbundled", file: unbundled },
    { name: "bundle", file: bundle },
    { name: "bundle, warm cache", file: bundle, cache },
  ];
}

/** Leaves out of the bundle what lies in node_modules; this repository's own workspaces are no packages to it. */
const packagesAtRunTime: Plugin = {
  name: "packages-at-run-time",
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
      kind === "entry-point" || /^shared(\/|$)/.test(path) ? undefined : { path, external: true },
    );
  },
};

async function interleaved(ways: readonly Way[], progress: (round: number) => void): Promise<Map<string, Start[]>> {
  const starts = new Map<string, Start[]>(ways.map(({ name }) => [name, []]));
  for (let round = 1; round <= ROUNDS; round++) {
    progress(round);
    // Each has each place in the round once: what the machine does beside this meets all of them alike.
    for (let turn = 0; turn < ways.length; turn++) {
      const way = ways[(turn + round) % ways.length];
      if (way !== undefined) starts.get(way.name)?.push(await start(way));
    }
  }
  return starts;
}

async function start({ name, file = "", cache = "" }: Way): Promise<Start> {
  const script = join(import.meta.dirname, "cold-start-load.cjs");
  const env = { ...process.env, ...settings, NODE_PATH: join(root, "node_modules") };
  const { stdout } = await promisify(execFile)(process.execPath, [script, file, cache], { env });
  const result = JSON.parse(stdout.slice(stdout.lastIndexOf("{"))) as Start;
  if (file !== "" && result.functions === 0) throw new Error(`No function was registered: ${name}.`);
  return result;
}

function typical(starts: ReadonlyMap<string, Start[]>, name: string, by: "wallMs" | "cpuMs"): number {
  return median((starts.get(name) ?? []).map((one) => one[by]));
}
