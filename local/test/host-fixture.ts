import { build } from "esbuild";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, vi } from "vitest";
import { fromSources } from "../../tools/build.ts";
import { startFunctionsHost, type FunctionsHost, type FunctionsHostOptions } from "../host/functions-host.ts";

export interface AppOptions {
  readonly hostJson?: unknown;
  readonly format?: "cjs" | "esm";
}

/**
 * Bundles an app as the product's build does and stages it.
 *
 * @param source the name of a fixture, or the text of the app (for which `app` is imported already)
 * @returns the staged folder
 */
export async function stage(source: string, { hostJson = {}, format = "cjs" }: AppOptions = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "functions-host-"));
  const isFixture = source.endsWith(".ts");
  const outfile = format === "esm" ? "main.mjs" : "main.cjs";
  const banner = `import { createRequire } from "node:module"; const require = createRequire(import.meta.url);`;
  await build({
    ...(isFixture
      ? { entryPoints: [join(import.meta.dirname, "fixtures/host", source)] }
      : {
          stdin: {
            contents: `import { app } from "@azure/functions"; ${source}`,
            loader: "ts",
            resolveDir: import.meta.dirname,
          },
        }),
    bundle: true,
    platform: "node",
    format,
    banner: format === "esm" ? { js: banner } : {},
    external: ["@azure/functions-core"],
    alias: fromSources,
    outfile: join(folder, outfile),
    logLevel: "silent",
  });
  await writeFile(join(folder, "package.json"), JSON.stringify({ main: outfile }));
  const host = typeof hostJson === "string" ? hostJson : JSON.stringify({ version: "2.0", ...(hostJson as object) });
  await writeFile(join(folder, "host.json"), host);
  return folder;
}

export interface RunningHost extends FunctionsHost {
  readonly folder: string;
  readonly lines: string[];
  /** The process ids of all workers there have been. */
  pids(): readonly number[];
}

/** Starts a staged folder; the worker logs its process id. The caller stops the host, and removes the folder. */
export async function start(folder: string, options: Partial<FunctionsHostOptions> = {}): Promise<RunningHost> {
  const lines: string[] = [];
  const host = await startFunctionsHost({
    appFolder: folder,
    port: 0,
    settings: {},
    stateFolder: join(folder, ".timers"),
    log: (line) => lines.push(line),
    ...options,
  });
  const pids = (): number[] => lines.flatMap((line) => /^worker process (\d+)$/.exec(line)?.[1] ?? []).map(Number);
  return { ...host, folder, lines, pids };
}

/** Stages and starts an app for one test. Everything is gone when the test has ended. */
export async function run(
  source: string,
  options: AppOptions & Partial<FunctionsHostOptions> = {},
): Promise<RunningHost> {
  const folder = await stage(source.endsWith(".ts") ? source : `${SAY_PID} ${source}`, options);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { hostJson: _hostJson, format: _format, ...hostOptions } = options;
  const host = await start(folder, hostOptions);
  onTestFinished(async () => {
    await host.stop();
    for (const pid of host.pids()) expect(isAlive(pid)).toBe(false);
  });
  return host;
}

export const SAY_PID = "console.log(`worker process ${process.pid}`);";

export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Waits until a line of the log matches, and returns the last that does. */
export async function lineLike(host: { readonly lines: readonly string[] }, pattern: RegExp): Promise<string> {
  return vi.waitFor(() => host.lines.findLast((line) => pattern.test(line)) ?? expect.fail(`no line like ${pattern}`), {
    timeout: 20_000,
    interval: 20,
  });
}

/** Sends bytes as they are, and returns all that comes back until the connection closes. */
export async function sendRaw(host: FunctionsHost, request: string): Promise<string> {
  const socket = connect(host.port, "127.0.0.1");
  socket.write(request);
  return text(socket);
}
