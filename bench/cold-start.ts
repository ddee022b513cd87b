/** Measures a process start of each app: until its functions are registered, and until the first authorized response. */
import { randomUUID } from "node:crypto";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { build } from "esbuild";
import { isApi } from "@restricted-calls/shared/access-policy";
import type { ContractOperation } from "@restricted-calls/shared/contract";
import { accessPolicy } from "../tools/access-policy.ts";
import { apps, type Bytes, contentsOf } from "../tools/build.ts";
import { contracts, operationsOf, typicalOperation } from "../tools/contracts.ts";
import { environmentFor } from "../tools/environment.mjs";
import { temporaryFolder } from "../tools/write-file.ts";
import { mintToken, readLocalSettings, startTestSystem, type TestSystem } from "../local/index.ts";
import { type Builds, buildAll } from "./cold-start-builds.ts";
import type { StartOptions, StartTimes } from "./cold-start-process.ts";
import { lowerQuartile, shuffled } from "./measure.ts";
import type { BenchReport, Compared, Comparison, Ratio } from "@restricted-calls/shared/contract-bench";

const ROUNDS = Number(process.env["COLD_START_ROUNDS"] ?? 15);

/** After this time, an instance has loaded what it loads soon after its start. */
const WAIT_MS = 1_000;

export async function bench(progress: (line: string) => void): Promise<BenchReport> {
  await using started = new AsyncDisposableStack();
  const { folder } = started.adopt(temporaryFolder("cold-start-"), ({ remove }) => {
    remove();
  });
  const system = started.adopt(await startTestSystem({ withApps: false }), (running) => running.stop());
  const figures: Record<string, string> = {};
  const ratios: Ratio[] = [];
  const pictured: Comparison[] = [];
  const notes: string[] = [];
  const calls: string[] = [];
  // Calls of callers go to real callees.
  for (const app of apps) if (isApi(accessPolicy, app)) await system.startApp(app);
  const script = await buildProcess(folder);
  for (const app of apps) {
    const operation = operationOf(app);
    if (operation === undefined) continue;
    const builds = await buildAll(app, join(folder, app));
    const settings = readLocalSettings(join(system.folder, `${app}.settings.json`)).Values;
    const run = (options: StartOptions): Promise<StartTimes> => start(script, settings, options);
    const call = await callOf(system, app, operation);
    const starts = await measureStarts(app, builds, join(folder, "cache", app), call, run, progress);
    calls.push(`${app} \`${operation.method} ${operation.route}\``);
    Object.assign(figures, figuresOf(app, starts));
    ratios.push(...ratiosOf(app, starts));
    pictured.push(comparisonOf(app, starts));
    notes.push(inWords(app, await contentsOf(app)));
  }
  return {
    title: "Cold start",
    statistic: "lower quartile",
    figures,
    ratios,
    notes: [
      `${ROUNDS} process starts of each, interleaved; in brackets the spread. On a busy machine, processor time varies less.`,
      `Registered: from the moment when the worker requires the app until its functions are registered. The worker's gRPC client has loaded its modules of Node before. First call: until the response to the first authorized call (${calls.join(", ")}), with real tokens, keys, table storage and calls of other services. A second later: the duration of that call in an instance that started a second before.`,
      "Unbundled: the same sources, each transpiled alone, and the packages in node_modules; with lazy loading. Each file loads all that it imports: also the caller loads jose, which it never uses. Not lazy: the bundle with imports instead of `import()`.",
      ...notes,
    ],
    pictured,
  };
}

/** Makes a call, each with an id of its own. */
type Call = () => StartOptions["call"];
type Starts = Readonly<Record<Way, readonly StartTimes[]>>;
type Way =
  "unbundled" | "not lazy" | "bundle" | "bundle, warm cache" | "not lazy, a second later" | "bundle, a second later";

async function measureStarts(
  app: string,
  builds: Builds,
  cache: string,
  call: Call,
  run: (options: StartOptions) => Promise<StartTimes>,
  progress: (line: string) => void,
): Promise<Starts> {
  const ways: Record<Way, Omit<StartOptions, "call">> = {
    unbundled: { file: builds.unbundled },
    "not lazy": { file: builds.eager },
    bundle: { file: builds.bundle },
    "bundle, warm cache": { file: builds.bundle, cache },
    "not lazy, a second later": { file: builds.eager, waitMs: WAIT_MS },
    "bundle, a second later": { file: builds.bundle, waitMs: WAIT_MS },
  };
  const names = Object.keys(ways) as Way[];
  const starts = Object.fromEntries(names.map((name) => [name, [] as StartTimes[]])) as Record<Way, StartTimes[]>;
  // The first round warms up the disk and V8's cache. It does not count.
  for (let round = 0; round <= ROUNDS; round++) {
    progress(`${app}: round ${round} of ${ROUNDS}`);
    // In random order, so that other load on the machine, and what a start leaves behind, affects all of them.
    for (const name of shuffled(names)) {
      const times = await run({ ...ways[name], call: call() });
      if (times.functions === 0 || !/^2\d\d$/.test(times.status)) {
        throw new Error(`${app}, ${name}: ${JSON.stringify(times)}`);
      }
      if (round > 0) starts[name].push(times);
    }
  }
  return starts;
}

function figuresOf(app: string, starts: Starts): Record<string, string> {
  const figures: Record<string, string> = {};
  const add = (what: string, way: Way, by: "registered" | "answered" | "took"): void => {
    const values = valuesOf(starts, way, by);
    const spread = `${Math.min(...values).toFixed(0)} to ${Math.max(...values).toFixed(0)}`;
    const processor = lowerQuartile(valuesOf(starts, way, `${by}Cpu`)).toFixed(0);
    figures[`${app}, ${way}: ${what}`] =
      `${lowerQuartile(values).toFixed(0)} ms (${spread}); processor ${processor} ms`;
  };
  for (const way of ["unbundled", "not lazy", "bundle", "bundle, warm cache"] as const) {
    add("registered", way, "registered");
    add("first call", way, "answered");
  }
  add("the call", "not lazy, a second later", "took");
  add("the call", "bundle, a second later", "took");
  return figures;
}

function comparisonOf(app: string, starts: Starts): Comparison {
  const registered = (name: string, way: Way): Compared => {
    const milliseconds = lowerQuartile(valuesOf(starts, way, "registered"));
    return { name, figure: `${milliseconds.toFixed(0)} ms`, nanoseconds: milliseconds * 1e6 };
  };
  return {
    title: `Start of ${app}, until its functions are registered`,
    ours: registered("ours: bundle", "bundle"),
    others: [registered("bundle, not lazy", "not lazy"), registered("unbundled", "unbundled")],
  };
}

function ratiosOf(app: string, starts: Starts): Ratio[] {
  const ratio = (by: Time, way: Way, to: Way): number =>
    lowerQuartile(valuesOf(starts, way, by)) / lowerQuartile(valuesOf(starts, to, by));
  const compare = (by: "registered" | "answered", way: Way, to: Way, atMost: number): Ratio[] => {
    const name = `${app}, ${by === "registered" ? "registered" : "first call"}: ${way} / ${to}`;
    return [
      { name, value: ratio(by, way, to), atMost },
      { name: `${name}, processor`, value: ratio(`${by}Cpu`, way, to), atMost },
    ];
  };
  const later = ["bundle, a second later", "not lazy, a second later"] as const;
  return [
    ...compare("registered", "bundle", "unbundled", 0.2),
    ...compare("registered", "bundle, warm cache", "unbundled", 0.2),
    ...compare("answered", "bundle", "not lazy", 1.1),
    // Other processes do most of this call of about 100 ms: on a busy machine, only processor time is meaningful.
    { name: `${app}, a second later, the call: bundle / not lazy`, value: ratio("took", ...later) },
    {
      name: `${app}, a second later, the call: bundle / not lazy, processor`,
      value: ratio("tookCpu", ...later),
      atMost: 1.1,
    },
  ];
}

type Time = Exclude<keyof StartTimes, "functions" | "status">;

function valuesOf(starts: Starts, way: Way, by: Time): number[] {
  return starts[way].map((times) => times[by]);
}

function inWords(app: string, contents: Readonly<Record<string, Bytes>>): string {
  const sizes = Object.entries(contents).map(([name, { atStart, onDemand }]) => ({ name, atStart, onDemand }));
  const total = (of: "atStart" | "onDemand"): number => sizes.reduce((sum, size) => sum + size[of], 0);
  const largest = (of: "atStart" | "onDemand"): string =>
    sizes
      .sort((a, b) => b[of] - a[of])
      .slice(0, 6)
      .map((size) => `${size.name} ${(size[of] / 1024).toFixed(0)}`)
      .join(", ");
  const part = (of: "atStart" | "onDemand"): string => `${(total(of) / 1024).toFixed(0)} KiB (${largest(of)}, ...)`;
  return `The bundle of ${app}: loaded at the start ${part("atStart")}; on demand ${part("onDemand")}. \`npm run build -- --analyze\` lists all.`;
}

/** The process is a bundle itself, so that its own start is short and the same for all. */
async function buildProcess(folder: string): Promise<string> {
  const outfile = join(folder, "process.cjs");
  await build({
    entryPoints: [join(import.meta.dirname, "cold-start-process.ts")],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    logLevel: "warning",
  });
  return outfile;
}

type Operation = ContractOperation & Required<Pick<ContractOperation, "sample">>;

/**
 * The operation whose first call is measured: of a service with roles the typical one, of another one that of the positive call,
 * or else any that needs no other call before. Undefined if there is none.
 */
function operationOf(app: string): Operation | undefined {
  if (isApi(accessPolicy, app)) return typicalOperation(app);
  const candidates = operationsOf(app).filter(
    (one): one is Operation => one.sample !== undefined && (one.after ?? []).length === 0,
  );
  return candidates.find(({ id }) => id === contracts[app]?.positiveCall?.operation) ?? candidates[0];
}

/** A call as the host sends it to its worker, with a token where the operation requires one. */
async function callOf({ endpoints }: TestSystem, app: string, operation: Operation): Promise<Call> {
  const { method, route, sample } = operation;
  const token =
    operation.access === "token"
      ? await mintToken(endpoints.entra.control, {
          as: Object.keys(endpoints.frontEnds[app]?.from ?? {})[0],
          api: app,
          claims: { roles: [operation.role] },
        })
      : undefined;
  return () => {
    const { path, body } = sample(randomUUID());
    const json = body === undefined ? undefined : JSON.stringify(body);
    return {
      ...{ method, route, path },
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(json !== undefined && {
          "content-type": "application/json",
          "content-length": String(Buffer.byteLength(json)),
        }),
      },
      ...(json !== undefined && { body: json }),
    };
  };
}

async function start(
  script: string,
  settings: Readonly<Record<string, string>>,
  options: StartOptions,
): Promise<StartTimes> {
  const env = { ...environmentFor(), ...settings, COLD_START: JSON.stringify(options) };
  const { stdout } = await promisify(execFile)(process.execPath, [script], { env });
  return JSON.parse(stdout.slice(stdout.lastIndexOf('{"functions"'))) as StartTimes;
}
