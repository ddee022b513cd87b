/** The embedded Functions host: runs a staged app with HTTP and timer triggers. */
import { basename, resolve } from "node:path";
import { within } from "./within.ts";
import { defineFunctions, type FunctionDefinition } from "./function-definitions.ts";
import { readHostJson } from "./host-json.ts";
import { createListener } from "./http/listener.ts";
import { createLog } from "./host-log.ts";
import { NOT_SUPPORTED } from "./not-supported.ts";
import { Invoker } from "./invocations.ts";
import { runTimer } from "./timers/timers.ts";
import { WorkerProcess } from "./worker/worker-process.ts";

/** stop() waits so long for running functions. */
const DRAIN_LIMIT_MS = 10_000;
const VERSION = "4.0.0-embedded";
/** The real host's limit. */
const MAX_BODY_BYTES = 100 * 1024 * 1024;

export interface FunctionsHostOptions {
  /** The staged app: `host.json`, `package.json` with `main`, and the bundle. */
  readonly appFolder: string;
  /** 0 picks a free one. Listens on 127.0.0.1 only. */
  readonly port: number;
  /** The app settings: the worker's environment, and the values of `%SETTING%` in schedules. */
  readonly settings: Readonly<Record<string, string>>;
  /** Keeps the timers' schedule status, so that the host runs a timer that it missed while it was down. */
  readonly stateFolder: string;
  /**
   * Enforces keys, as in Azure: callers need this one for the host's own endpoints, and for functions that require a key.
   * Without it, no key is checked, as under `func start`.
   */
  readonly masterKey?: string;
  /** Gets each line of the host and its app. */
  readonly log: (line: string) => void;
  /** Starts the worker with Node's inspector on that port. */
  readonly inspectPort?: number | undefined;
}

export interface HostedFunction {
  readonly name: string;
  /** With the route prefix, such as "api/items/{id}". */
  readonly route?: string;
  /** Absent: all. */
  readonly methods?: readonly string[];
  readonly schedule?: string;
}

export interface FunctionsHost {
  readonly url: string;
  readonly port: number;
  readonly functions: readonly HostedFunction[];
  /**
   * Waits for running functions and their responses, runs the app's `appTerminate` hooks, both within time limits, and ends
   * the worker.
   */
  stop(): Promise<void>;
}

/**
 * Runs a staged Functions app as `func start` does: HTTP and timer triggers, with the real programming model of the app's own
 * bundle, in a child process that restarts when it dies. Refuses features that it does not have.
 *
 * @throws Error with the app's own message when it cannot be loaded, or one that names the mistake in `host.json`, a function,
 *   a setting or the port. Nothing is left running then.
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const appFolder = resolve(options.appFolder);
  const hostJson = readHostJson(appFolder);
  const log = createLog(hostJson.logLevels, options.log);
  for (const warning of hostJson.warnings) log("warning", "Host", warning);
  const settings = { AZURE_FUNCTIONS_ENVIRONMENT: "Development", ...options.settings };
  await using starting = new AsyncDisposableStack();
  const worker = new WorkerProcess({ appFolder, settings, inspectPort: options.inspectPort, log });
  starting.defer(() => worker.stop());
  const app = await worker.start();
  if (app.httpStreams) throw new Error(`app.setup({ enableHttpStream: true }) ${NOT_SUPPORTED}`);
  const { functions, refused } = defineFunctions(app.functions, hostJson.routePrefix, settings);
  for (const line of refused) log("error", "Host", line);
  if (functions.length === 0) log("warning", "Host", "No functions found: does the app's main file register any?");

  const invoker = new Invoker(worker, hostJson.functionTimeoutMs, log);
  const hostId = (settings as Record<string, string>)["WEBSITE_SITE_NAME"] ?? basename(appFolder);
  const { stateFolder, masterKey } = options;
  const { maxOutstandingRequests } = hostJson;
  const { FUNCTIONS_REQUEST_BODY_SIZE_LIMIT = MAX_BODY_BYTES } = settings as Record<string, string>;
  const listener = createListener({
    ...{ hostId: hostId.toLowerCase().slice(0, 32), version: VERSION, log, settings, masterKey },
    ...{ functions, invoker, stateFolder, maxOutstandingRequests },
    maxBodyBytes: Number(FUNCTIONS_REQUEST_BODY_SIZE_LIMIT),
    restart: () => {
      worker.kill();
    },
  });
  const port = await listener.listen(options.port);
  const url = `http://127.0.0.1:${port}`;
  const enabled = functions.filter(({ isDisabled }) => !isDisabled);
  for (const line of describe(enabled, url)) options.log(line);

  const timersStop = new AbortController();
  const timers = enabled
    .filter((definition) => definition.kind === "timer")
    .map((timer) =>
      runTimer(timer, invoker, stateFolder, timersStop.signal).catch((error: unknown) => {
        log("error", "Host", `The timer of '${timer.name}' stopped: ${String(error)}`);
      }),
    );

  const started = starting.move();
  const stop = async (): Promise<void> => {
    timersStop.abort();
    await Promise.all([listener.stop(DRAIN_LIMIT_MS), invoker.drained(DRAIN_LIMIT_MS)]);
    await started.disposeAsync();
    await within(DRAIN_LIMIT_MS, Promise.all(timers));
  };
  let stopped: Promise<void> | undefined;
  return { url, port, functions: enabled.map(toHosted), stop: () => (stopped ??= stop()) };
}

function describe(functions: readonly FunctionDefinition[], url: string): readonly string[] {
  const lines = functions.map((definition) =>
    definition.kind === "http"
      ? `  ${definition.name}: [${definition.methods?.join(",") ?? "all"}] ${url}/${definition.template}`
      : `  ${definition.name}: timerTrigger ${definition.schedule.expression}`,
  );
  return ["Functions:", ...lines];
}

function toHosted(definition: FunctionDefinition): HostedFunction {
  const { name } = definition;
  if (definition.kind === "timer") return { name, schedule: definition.schedule.expression };
  const { template, methods } = definition;
  return { name, route: template, ...(methods === undefined ? {} : { methods }) };
}
