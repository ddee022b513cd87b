/** Azure Functions Core Tools: whether they are installed, and an app that runs under them. */
import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { STAGED_BY } from "../../tools/build.ts";
import { environmentFor } from "../../tools/environment.mjs";
import { poll } from "../../tools/poll.ts";
import { killTree } from "../../tools/process-tree.ts";
import type { LocalSettings } from "../host/local-settings.ts";
import { writePrivateJson } from "./endpoints.ts";

/** The host is ready within seconds; a busy machine takes longer. */
const START_TIMEOUT_MS = 120_000;
const REQUEST_TIMEOUT_MS = 5_000;

export interface FuncOptions {
  /** The staged app. Its local.settings.json is written here. */
  readonly folder: string;
  readonly port: number;
  readonly settings: LocalSettings;
  /** Starts the Node worker with its inspector on that port. */
  readonly inspectPort?: number | undefined;
  /** Gets each line of Core Tools and the app; without it they write to this terminal. */
  readonly log?: (line: string) => void;
}

export interface FuncProcess {
  /** Resolves when it has ended, to its exit code. */
  readonly exited: Promise<number>;
  /** Resolves when all its output is logged, or a second after it has ended: its children may keep the output open. */
  readonly outputEnded: Promise<unknown>;
  /** Ends it, its host and its workers, within a time limit. */
  stop(): Promise<void>;
  /** Kills it, its host and its workers at the same moment. */
  kill(): Promise<void>;
}

/** @throws Error that says what to install, where Core Tools 4 are missing */
export async function requireCoreTools(): Promise<void> {
  const version = await coreToolsVersion();
  if (version?.startsWith("4.")) return;
  const what =
    version === undefined
      ? "Azure Functions Core Tools are not installed here: npm could not download them, or was told to leave optional packages out"
      : `Azure Functions Core Tools 4 are needed, and this is ${version}`;
  throw new Error(
    `${what}. Install version 4 (https://aka.ms/azfunc-install) so that "func --version" works in this terminal; or run both ` +
      "apps under the embedded host: npm start.",
  );
}

async function coreToolsVersion(): Promise<string | undefined> {
  try {
    const { stdout } = await promisify(execFile)("func", ["--version"], {
      env: environmentFor("terminal", "dotnet"),
      shell: process.platform === "win32",
    });
    return /^\d+\.\d+\.\S+$/m.exec(stdout.trim())?.[0];
  } catch {
    return undefined;
  }
}

/**
 * Starts `func start` in a staged folder, in a process tree that never outlives this process. docs/running-locally.md names the
 * sources of Core Tools that this relies on.
 */
export async function startFunc(options: FuncOptions): Promise<FuncProcess> {
  const { folder, port, settings, inspectPort, log } = options;
  await writePrivateJson(join(folder, "local.settings.json"), {
    IsEncrypted: false,
    [STAGED_BY]: "a start of this repository; your own settings belong in <app>/local.settings.json",
    ...settings,
  });
  const output = log === undefined ? "inherit" : "pipe";
  const child = fork(fileURLToPath(new URL("func-process.ts", import.meta.url)), ["start", "--port", String(port)], {
    cwd: folder,
    env: funcEnvironment(settings.Values, inspectPort),
    execArgv: [],
    // In a process group of its own, it does not get the terminal's Ctrl-C, and can be killed as a group.
    detached: true,
    windowsHide: true,
    stdio: ["ignore", output, output, "ipc"],
  });
  for (const stream of [child.stdout, child.stderr]) if (stream && log) createInterface(stream).on("line", log);
  const exited = once(child, "exit").then(([code]) => (code as number | null) ?? 1);
  const closed = once(child, "close");
  const outputEnded = exited.then(() => Promise.race([closed, delay(1_000)]));
  const stop = async (): Promise<void> => {
    if (child.connected) child.disconnect();
    await exited;
  };
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) killTree(child.pid);
    await exited;
  };
  return { exited, outputEnded, stop, kill };
}

/**
 * Starts `func start` and waits until the host runs and has the app's functions.
 *
 * @throws Error when it does not start, with nothing left running; the log says why
 */
export async function startFuncHost(options: FuncOptions, signal?: AbortSignal): Promise<FuncProcess> {
  const func = await startFunc(options);
  try {
    await funcReady(func, options.port, signal);
    return func;
  } catch (error) {
    await func.stop();
    throw error;
  }
}

/**
 * Waits until the host runs and has the app's functions.
 *
 * @throws Error when it ends before, or is not ready in time; the log says why
 */
export async function funcReady(func: FuncProcess, port: number, signal?: AbortSignal): Promise<void> {
  const stopWaiting = new AbortController();
  const ready = untilReady(port, AbortSignal.any([stopWaiting.signal, ...(signal ? [signal] : [])]));
  try {
    const code = await Promise.race([ready, func.exited]);
    if (code !== undefined) await func.outputEnded;
    if (code !== undefined) throw new Error(`func start ended with exit code ${code}: its lines above say why.`);
  } finally {
    stopWaiting.abort();
    ready.catch(() => undefined);
  }
}

/** Polls the host, because the output of Core Tools is no contract. */
async function untilReady(port: number, signal: AbortSignal): Promise<undefined> {
  const get = async (path: string): Promise<unknown> => {
    const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const response = await fetch(`http://127.0.0.1:${port}/admin/${path}`, {
      signal: AbortSignal.any([signal, timeout]),
    });
    return response.ok ? response.json() : undefined;
  };
  const isRunning = (status: unknown): boolean => (status as { state?: string } | undefined)?.state === "Running";
  const status = await poll(() => get("host/status").catch(() => undefined), isRunning, {
    ...{ timeoutMs: START_TIMEOUT_MS, pauseMs: 250, signal },
  });
  if (!isRunning(status)) {
    const seconds = START_TIMEOUT_MS / 1000;
    throw new Error(`The Functions host was not ready on port ${port} after ${seconds} s: its lines above say why.`);
  }
  const functions = await get("functions");
  if (Array.isArray(functions) && functions.length > 0) return undefined;
  throw new Error("The Functions host runs, but the app registered no function: its lines above say why.");
}

/**
 * The environment of `func start`.
 *
 * Core Tools skip each setting of local.settings.json that the environment has already ("Skipping '...' from local settings"),
 * so this removes the settings' names. They pass their environment on to the apps, so it has no proxy: only the apps' settings
 * can name one. It also has the worker's arguments, because the option `--language-worker` is reported broken in version 4
 * (issue 3108 of Azure/azure-functions-core-tools).
 */
function funcEnvironment(settings: Readonly<Record<string, string>>, inspectPort?: number): Record<string, string> {
  const isSetting = new Set(Object.keys(settings).map((name) => name.toUpperCase()));
  const own = Object.entries(environmentFor("terminal", "dotnet")).filter(
    ([name]) => !isSetting.has(name.toUpperCase()),
  );
  const inspect =
    inspectPort === undefined ? {} : { languageWorkers__node__arguments: `--inspect=127.0.0.1:${inspectPort}` };
  return { ...Object.fromEntries(own), ...inspect };
}
