import { basename, resolve } from "node:path";
import { within } from "./bounded.ts";
import { defineFunctions, type FunctionDefinition } from "./function-definitions.ts";
import { readHostJson } from "./host-json.ts";
import { createListener } from "./http/listener.ts";
import { createLog } from "./host-log.ts";
import { Invoker } from "./invocations.ts";
import { runTimer } from "./timers/timers.ts";
import { WorkerProcess } from "./worker/worker-process.ts";

/** How long stop() lets running functions finish (milliseconds). */
const DRAIN_LIMIT = 10_000;
const VERSION = "4.0.0-embedded";
/** The real host's own limit of a body, in bytes. */
const MAX_BODY_BYTES = 100 * 1024 * 1024;

export interface FunctionsHostOptions {
  /** The staged app: `host.json`, `package.json` with `main`, and the bundle. */
  readonly appFolder: string;
  /** 0 picks a free one. Listens on 127.0.0.1 only. */
  readonly port: number;
  /** The app settings. They become the worker's environment, and resolve `%SETTING%` in schedules. */
  readonly settings: Readonly<Record<string, string>>;
  /** Where the timers' schedule status is kept, so that a run missed while the host was down is caught up. */
  readonly stateFolder: string;
  /**
   * Enforces keys, as in Azure: this one opens the host's own endpoints, and functions that ask for a key. Without it all
   * is open, as under `func start`.
   */
  readonly masterKey?: string;
  /** Takes every line the host and its app write. */
  readonly log: (line: string) => void;
  /** Starts the worker with Node's inspector on that port. */
  readonly inspectPort?: number | undefined;
}

export interface HostedFunction {
  readonly name: string;
  /** With the route prefix, such as "api/inventory/{sku}". */
  readonly route?: string;
  /** Absent: all. */
  readonly methods?: readonly string[];
  readonly schedule?: string;
}

export interface FunctionsHost {
  readonly url: string;
  readonly port: number;
  readonly functions: readonly HostedFunction[];
  /** Lets running functions finish and answers their callers (bounded), runs the app's `appTerminate` hooks (bounded) and ends the worker. */
  stop(): Promise<void>;
}

/**
 * Runs a staged Functions app as `func start` would: HTTP and timer triggers, the real programming model in the app's own
 * bundle, in a child process that is restarted when it dies.
 *
 * @throws Error with the app's own message when it cannot be loaded; or saying what is wrong with its `host.json`, a
 *   function, a setting or the port. Nothing is left running then.
 */
export async function startFunctionsHost(options: FunctionsHostOptions): Promise<FunctionsHost> {
  const appFolder = resolve(options.appFolder);
  const hostJson = readHostJson(appFolder);
  const log = createLog(hostJson.logLevels, options.log);
  for (const warning of hostJson.warnings) log("warning", "Host", warning);
  const settings = { AZURE_FUNCTIONS_ENVIRONMENT: "Development", ...options.settings };
  const worker = new WorkerProcess({ appFolder, settings, inspectPort: options.inspectPort, log });
  try {
    const app = await worker.start();
    if (app.httpStreams) throw new Error("app.setup({ enableHttpStream: true }) is not supported by this host");
    const { functions, refused } = defineFunctions(app.functions, hostJson.routePrefix, settings);
    for (const line of refused) log("error", "Host", line);
    if (functions.length === 0) log("warning", "Host", "No functions found: does the app's main file register any?");

    const invoker = new Invoker(worker, hostJson.functionTimeout, log);
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

    const stop = async (): Promise<void> => {
      timersStop.abort();
      await Promise.all([listener.stop(DRAIN_LIMIT), invoker.drained(DRAIN_LIMIT)]);
      await worker.stop();
      await within(DRAIN_LIMIT, Promise.all(timers));
    };
    let stopped: Promise<void> | undefined;
    return { url, port, functions: enabled.map(toHosted), stop: () => (stopped ??= stop()) };
  } catch (error) {
    await worker.stop();
    throw error;
  }
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
