/** npm start, npm run dev: runs the whole system on this machine, or shows it once. */
import { join } from "node:path";
import { styleText } from "node:util";
import { apps } from "../../tools/build.ts";
import { command, stopSignal, UsageError, wholeNumber } from "../../tools/command-line.ts";
import { temporaryFolder } from "../../tools/write-file.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { DEMO_SCHEDULE, showOnce } from "../demo/once.ts";
import {
  defaultInspectPort,
  defaultPorts,
  FIRST_PORT,
  freePorts,
  inspectPorts,
  LAST_FIRST_PORT,
  type Ports,
  portsFrom,
} from "../system/ports.ts";
import { startCommand } from "../../tools/service-names.ts";
import { startSystem } from "../system/system.ts";
import { watchApps, watchPolicy } from "../system/watch.ts";
import { whatToTry } from "../demo/what-to-try.ts";

const USAGE = `Usage: npm start [-- options]
       npm run dev [-- options]    the same with --watch

Builds the function apps and runs them on this machine, with stand-ins for everything they need of Azure, until Ctrl-C.

  --once            show the main job on a system of its own, then exit: 0 if every outcome was the expected one, else 1
  --host <host>     what runs the apps: embedded (default), or func: Azure Functions Core Tools
  --no-apps         start everything but the apps: run them by ${apps.map(startCommand).join(" and ")}
  --port <first>    another port in place of ${FIRST_PORT}; every other one keeps its distance from it
  --free-ports      any free ports: .local/endpoints.json has them
  --watch           build and restart an app when one of its sources is saved (embedded host), and all with a changed access
                    policy or changed service options, unless there is a mistake in them
  --inspect[=port]  start the apps with Node's inspector: ${apps[0]} on that port (default ${defaultInspectPort}), the others on the next
  --help            show this text`;

const root = join(import.meta.dirname, "..", "..");

/** At this exit code, the launcher (tools/run.mjs) starts a new process, which reads a changed access policy. */
const START_AGAIN = 75;

/** A tick every 10 seconds: often enough to watch. */
const SCHEDULE = "*/10 * * * * *";

interface RunOptions {
  readonly host: Endpoints["host"];
  readonly withApps: boolean;
  readonly ports: Ports;
  readonly inspectPort: number | undefined;
  readonly isWatching: boolean;
}

async function runUntilStopped({ host, withApps, ports, inspectPort, isWatching }: RunOptions): Promise<number> {
  const folder = join(root, ".local");
  const appsFolder = join(root, "dist");
  const stopped = stopSignal();
  let ended: Promise<number> = stopped.first;
  {
    await using running = new AsyncDisposableStack();
    try {
      const policy = isWatching ? watchPolicy(root, printLine) : undefined;
      running.defer(() => policy?.stop());
      console.log("Starting ...");
      const system = await startSystem({
        ...{ folder, appsFolder, host, withApps, ports },
        inspectPorts: inspectPort === undefined ? undefined : inspectPorts(inspectPort),
        deliverySchedule: SCHEDULE,
        log: printLine,
        signal: stopped.signal,
      });
      running.defer(() => system.stop());
      if (isWatching) {
        const watch = await watchApps({ system, apps, appsFolder, log: printLine });
        running.defer(() => watch.stop());
      }
      console.log(whatToTry(system.endpoints, folder, { withApps, inspectPort, isWatching }));
      ended = Promise.race([
        stopped.first,
        system.failed.then(toFailure),
        ...(policy ? [policy.changed.then(toStartAgain)] : []),
      ]);
      await ended;
      console.log("Stopping ...");
    } catch (error) {
      if (!stopped.signal.aborted) throw error;
    }
  }
  console.log("Stopped.");
  return ended;
}

function toStartAgain(): number {
  console.log("The access policy or the service options have changed: starting again ...");
  return START_AGAIN;
}

/** Nothing restarts this part, and the system does not work without it. */
function toFailure(what: string): number {
  console.error(`${what}. The lines above may say why.`);
  return 1;
}

/** Uses ports and folders of its own: another system may run beside it. */
async function runOnce(host: Endpoints["host"]): Promise<number> {
  await using running = new AsyncDisposableStack();
  const { folder, remove } = temporaryFolder("restricted-calls-");
  running.defer(remove);
  const lines: string[] = [];
  const stopped = stopSignal();
  try {
    console.log("Starting a system of its own ...");
    const began = performance.now();
    const system = await startSystem({
      ...{ folder, appsFolder: join(folder, "apps"), host, withApps: true, ports: freePorts },
      deliverySchedule: DEMO_SCHEDULE,
      log: (source, line) => lines.push(`${source}: ${line}`),
      signal: stopped.signal,
    });
    running.defer(() => system.stop());
    console.log(`Started in ${((performance.now() - began) / 1000).toFixed(1)} s.\n`);
    const print = (line: string): void => {
      if (!stopped.signal.aborted) console.log(line);
    };
    const failures = await Promise.race([
      showOnce(system, print),
      system.failed.then((what) => [what]),
      stopped.first.then(() => undefined),
    ]);
    if (failures === undefined) return await stopped.first;
    if (failures.length === 0) {
      print("\nEvery outcome was the expected one.");
      return 0;
    }
    throw new Error(`Not every outcome was the expected one:\n${failures.join("\n")}`);
  } catch (error) {
    if (stopped.signal.aborted) return await stopped.first;
    // The command prints the error last, where the user sees it.
    if (lines.length > 0) console.error(`\nLog of the system:\n${lines.join("\n")}\n`);
    throw error;
  }
}

const appColours = ["cyan", "green", "blue"] as const;
const partColours: Readonly<Record<string, "yellow" | "magenta">> = { "front end": "yellow", entra: "magenta" };

function printLine(source: string, line: string): void {
  const colour = appColours[apps.findIndex((app) => app === source)] ?? partColours[source] ?? "gray";
  console.log(`${styleText(colour, source.padEnd(12))} ${line}`);
}

await command(
  USAGE,
  {
    options: {
      once: { type: "boolean", default: false },
      host: { type: "string" },
      "no-apps": { type: "boolean", default: false },
      port: { type: "string" },
      "free-ports": { type: "boolean", default: false },
      watch: { type: "boolean", default: false },
      inspect: { type: "string" },
    },
    bareValues: { inspect: String(defaultInspectPort) },
  },
  ({ values }) => {
    const { once, watch: isWatching, "no-apps": noApps, inspect, port, "free-ports": anyPorts } = values;
    // Without the apps, Core Tools will probably run them, and need storage for their timers' state.
    const host = values.host ?? (noApps ? "func" : "embedded");
    if (host !== "func" && host !== "embedded") throw new UsageError(`--host is embedded or func, not "${host}".`);
    if (once && (isWatching || noApps || inspect !== undefined || port !== undefined || anyPorts))
      throw new UsageError("--once goes with --host only.");
    if (port !== undefined && anyPorts) throw new UsageError("--port and --free-ports exclude each other.");
    if (noApps && (isWatching || inspect !== undefined))
      throw new UsageError("--no-apps: there is no app to watch or inspect.");
    if (isWatching && host === "func") throw new UsageError("--watch is for the embedded host: leave out --host func.");
    if (once) return runOnce(host);
    const inspectPort = inspect === undefined ? undefined : wholeNumber("--inspect", inspect, 1, 65_534);
    const named = port === undefined ? defaultPorts : portsFrom(wholeNumber("--port", port, 1, LAST_FIRST_PORT));
    const ports = anyPorts ? freePorts : named;
    return runUntilStopped({ host, withApps: !noApps, ports, inspectPort, isWatching });
  },
);
