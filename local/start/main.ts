import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs, styleText } from "node:util";
import { showOnce } from "./once.ts";
import { defaultPorts, freePorts, type LocalSystem, startSystem } from "./system.ts";
import { whatToTry } from "./what-to-try.ts";

const USAGE = `Usage: npm start -- [options]

Builds both function apps and runs them on this machine, with stand-ins for everything they need of Azure.

  --once      show the main job on a system of its own, then exit: 0 if every outcome was the expected one, else 1
  --no-apps   start everything but the two apps: run them with any host, by the settings in .local/<app>.settings.json
  --help      show this text`;

const root = join(import.meta.dirname, "..", "..");

/** Ticks often enough to watch. */
const SCHEDULE = "*/10 * * * * *";
const SCHEDULE_ONCE = "*/2 * * * * *";

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { once: { type: "boolean" }, "no-apps": { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  if (values.help) console.log(USAGE);
  else if (values.once) process.exitCode = (await runOnce()) ? 0 : 1;
  else await runUntilStopped(values["no-apps"] !== true);
}

async function runUntilStopped(withApps: boolean): Promise<void> {
  const folder = join(root, ".local");
  const stopped = stopSignal();
  console.log("Starting ...");
  const system = await startSystem({
    folder,
    appsFolder: join(root, "dist"),
    ports: defaultPorts,
    withApps,
    deliverySchedule: SCHEDULE,
    log: printLine,
  });
  console.log(whatToTry(system.endpoints, folder, withApps));
  await stopped;
  console.log("Stopping ...");
  await system.stop();
  console.log("Stopped.");
}

/** A system with ports and folders of its own: one that is running already is left alone. */
async function runOnce(): Promise<boolean> {
  const folder = await mkdtemp(join(tmpdir(), "restricted-calls-"));
  const lines: string[] = [];
  let system: LocalSystem | undefined;
  const stopped = stopSignal();
  try {
    console.log("Starting a system of its own ...");
    const began = performance.now();
    system = await startSystem({
      folder,
      appsFolder: join(folder, "apps"),
      ports: freePorts,
      withApps: true,
      deliverySchedule: SCHEDULE_ONCE,
      log: (source, line) => lines.push(`${source}: ${line}`),
    });
    console.log(`Started in ${((performance.now() - began) / 1000).toFixed(1)} s.\n`);
    const ok = await Promise.race([showOnce(system, console.log), stopped.then(() => false)]);
    if (!ok) console.error(`\nWhat the system logged:\n${lines.join("\n")}`);
    return ok;
  } finally {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Resolves at the first Ctrl-C or request to end; another one ends the process at once. */
function stopSignal(): Promise<void> {
  return new Promise((resolve) => {
    let first: number | undefined;
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.on(signal, () => {
        first ??= Date.now();
        resolve();
        // One Ctrl-C arrives more than once: from the terminal, and from npm and the launcher, which pass it on.
        if (Date.now() - first > 1000) process.exit(130);
      });
    }
  });
}

const colours = { "caller-func": "cyan", "callee-func": "green", "front end": "yellow", entra: "magenta" } as const;

function printLine(source: string, line: string): void {
  const colour = source in colours ? colours[source as keyof typeof colours] : "gray";
  console.log(`${styleText(colour, source.padEnd(12))} ${line}`);
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
