/** The worker process of the embedded host: starts it, restarts it, and sends invocations to it. */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { environmentFor } from "../../../tools/environment.mjs";
import { poll } from "../../../tools/poll.ts";
import { within } from "../within.ts";
import type { Log } from "../host-log.ts";
import type { HostMessage, LogLevel, RegisteredFunction, RpcInvocationRequest } from "./protocol.ts";
import type { RpcInvocationResponse, WorkerMessage } from "./protocol.ts";

const LOAD_LIMIT_MS = 60_000;
const TERMINATE_LIMIT_MS = 5_000;
/** After a worker that died younger, the delay before the next start doubles. */
const STABLE_AGE_MS = 10_000;
const RESTART_DELAY_MS = { first: 100, limit: 10_000 };

export interface WorkerOptions {
  readonly appFolder: string;
  /** The worker's environment, beside the variables that any process needs. */
  readonly settings: Readonly<Record<string, string>>;
  readonly inspectPort: number | undefined;
  readonly log: Log;
}

interface LoadedApp {
  readonly functions: readonly RegisteredFunction[];
  readonly httpStreams: boolean;
}

interface Pending {
  readonly resolve: (response: RpcInvocationResponse) => void;
  readonly reject: (error: Error) => void;
}

/** Keeps one worker process running, and matches its responses to requests. */
export class WorkerProcess {
  readonly #options: WorkerOptions;
  readonly #pending = new Map<string, Pending>();
  #child: ChildProcess | undefined;
  #state: "starting" | "running" | "restarting" | "stopping" = "starting";
  #deaths = 0;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Starts the first worker. Rejects with the app's own error when it cannot be loaded, and does not restart it then. */
  async start(): Promise<LoadedApp> {
    return this.#spawn();
  }

  /** Resolves when a worker can take requests; rejects after the limit. */
  async whenRunning(limitMs: number): Promise<void> {
    const isFinal = (state: string): boolean => state === "running" || state === "stopping";
    const state = await poll(() => this.#state, isFinal, { timeoutMs: limitMs, pauseMs: 10 });
    if (state !== "running") throw new Error("no worker is running");
  }

  /** Sends one request; rejects when the worker ends before its response. */
  async invoke(request: RpcInvocationRequest): Promise<RpcInvocationResponse> {
    if (!this.#child?.connected) throw new Error("the worker ended before the request");
    return new Promise((resolve, reject) => {
      this.#pending.set(request.invocationId, { resolve, reject });
      this.#send({ type: "invoke", request });
    });
  }

  /** Kills the worker. The next one starts by itself; requests wait for it. */
  kill(): void {
    if (this.#state === "running") this.#state = "restarting";
    this.#child?.kill("SIGKILL");
  }

  /** Runs the app's `appTerminate` hooks within a time limit, and ends the worker for good. */
  async stop(): Promise<void> {
    this.#state = "stopping";
    const child = this.#child;
    if (child?.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    this.#send({ type: "terminate" });
    if ((await within(TERMINATE_LIMIT_MS, ended)) === undefined) {
      this.#options.log("warning", "Worker", `the worker had not stopped after ${TERMINATE_LIMIT_MS / 1000} s: killed`);
      child.kill("SIGKILL");
    }
    await ended;
  }

  async #spawn(): Promise<LoadedApp> {
    const { appFolder, settings, inspectPort, log } = this.#options;
    const child = fork(fileURLToPath(new URL("worker.ts", import.meta.url)), [appFolder], {
      cwd: appFolder,
      env: { ...environmentFor(), ...settings },
      execArgv: [
        "--disable-warning=ExperimentalWarning",
        ...(inspectPort === undefined ? [] : [`--inspect=127.0.0.1:${inspectPort}`]),
      ],
      serialization: "advanced",
      stdio: ["ignore", "pipe", "pipe", "ipc"],
    });
    this.#child = child;
    // The Functions host logs the app's own output, too.
    const show = (stream: Readable | null, levelOf: (line: string) => LogLevel): void => {
      if (stream === null) return;
      createInterface(stream).on("line", (line) => {
        log(levelOf(line), "Host.Function.Console", line);
      });
    };
    show(child.stdout, () => "information");
    show(child.stderr, levelOfError);
    return this.#loaded(child);
  }

  async #loaded(child: ChildProcess): Promise<LoadedApp> {
    const startedAt = Date.now();
    const loaded = new Promise<LoadedApp>((resolve, reject) => {
      child.on("message", (message: WorkerMessage) => {
        if (message.type === "loaded") resolve(message);
        else if (message.type === "loadFailed") reject(new Error(message.message, { cause: message.stack }));
        else this.#receive(message);
      });
      child.on("error", reject);
      child.once("exit", (code, signal) => {
        const why = `the worker ended (${signal ?? `exit code ${code ?? "unknown"}`})`;
        reject(new Error(`${why} while it loaded the app`));
        // The exit code is 0 after `terminate`, and the signal is that of `stop` after its limit.
        const inOrder = this.#state === "stopping" && (code === 0 || signal === "SIGKILL");
        if (inOrder) this.#fail("the host stopped the worker");
        else this.#died(why, Date.now() - startedAt);
      });
    });
    const app = await within(LOAD_LIMIT_MS, loaded);
    if (app !== undefined) {
      if (this.#state !== "stopping") this.#state = "running";
      return app;
    }
    child.kill("SIGKILL");
    throw new Error(`the app had not finished loading after ${LOAD_LIMIT_MS / 1000} s`);
  }

  #receive(message: Exclude<WorkerMessage, { type: "loaded" | "loadFailed" }>): void {
    if (message.type === "log") {
      this.#options.log(message.level, message.category, message.message);
      return;
    }
    const { invocationId } = message.response;
    this.#pending.get(invocationId)?.resolve(message.response);
    this.#pending.delete(invocationId);
  }

  #fail(why: string): void {
    for (const { reject } of this.#pending.values()) reject(new Error(`${why} before its response`));
    this.#pending.clear();
  }

  #died(why: string, ageMs: number): void {
    this.#fail(why);
    if (this.#state === "starting") return;
    if (this.#state === "stopping") {
      this.#options.log("error", "Worker", `${why} while it stopped`);
      return;
    }
    this.#deaths = ageMs < STABLE_AGE_MS ? this.#deaths + 1 : 1;
    const wait = Math.min(RESTART_DELAY_MS.first * 2 ** (this.#deaths - 1), RESTART_DELAY_MS.limit);
    this.#options.log("error", "Worker", `${why}; a new one starts in ${wait} ms`);
    this.#state = "restarting";
    void this.#restart(wait);
  }

  async #restart(wait: number): Promise<void> {
    await delay(wait);
    try {
      if (this.#state !== "restarting") return;
      await this.#spawn();
    } catch (error) {
      // The worker ends itself after this, and the next attempt follows.
      this.#options.log("error", "Worker", `the app could not be loaded again: ${String(error)}`);
    }
  }

  #send(message: HostMessage): void {
    if (this.#child?.connected) this.#child.send(message, () => undefined);
  }
}

/** The level of a line on stderr, as in the Functions host: `ParseErrorMessageAndLog` of Azure/azure-functions-host, `WorkerProcess.cs`. */
function levelOfError(line: string): LogLevel {
  if (/warn/i.test(line)) return "warning";
  return /error|fail|severe|unhandled exception/i.test(line) ? "error" : "information";
}
