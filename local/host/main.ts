import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { endWithOutput, reasonOf } from "../../tools/command-line.ts";
import { startFunctionsHost, type FunctionsHostOptions } from "./functions-host.ts";
import { readLocalSettings } from "./local-settings.ts";

const HELP = `Runs a staged Azure Functions app (HTTP and timer triggers) on this machine.

usage: node local/host/main.ts <app folder> [options]

  --port <number>      where to listen on 127.0.0.1; 0 picks a free port (default 7071)
  --settings <file>    app settings in the form of local.settings.json
                       (default: local.settings.json in the app folder, where there is one)
  --state <folder>     where timers keep their status (default: .timers in the app folder)
  --inspect <port>     start the app with Node's inspector on that port
  --help               show this text
`;

const CONFIG = {
  allowPositionals: true,
  options: {
    port: { type: "string", default: "7071" },
    settings: { type: "string" },
    state: { type: "string" },
    inspect: { type: "string" },
    help: { type: "boolean" },
  },
} as const;

class UsageError extends Error {}

endWithOutput();
try {
  const options = readOptions();
  if (options === undefined) process.stdout.write(HELP);
  else await run(options);
} catch (error) {
  process.stderr.write(`error: ${reasonOf(error)}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}

async function run(options: FunctionsHostOptions): Promise<void> {
  const host = await startFunctionsHost(options);
  const stop = (): void => {
    void host.stop();
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
}

function readOptions(): FunctionsHostOptions | undefined {
  const { values, positionals } = parse();
  if (values.help === true) return undefined;
  const [appFolder, ...others] = positionals;
  if (appFolder === undefined || others.length > 0) throw new UsageError("name one app folder (--help shows how)");
  const ownSettings = join(appFolder, "local.settings.json");
  const settingsFile = values.settings ?? (existsSync(ownSettings) ? ownSettings : undefined);
  return {
    appFolder,
    port: toPort("--port", values.port),
    settings: settingsFile === undefined ? {} : readLocalSettings(settingsFile).Values,
    stateFolder: values.state ?? join(appFolder, ".timers"),
    log: (line) => process.stdout.write(`${line}\n`),
    ...(values.inspect === undefined ? {} : { inspectPort: toPort("--inspect", values.inspect) }),
  };
}

function parse(): ReturnType<typeof parseArgs<typeof CONFIG>> {
  try {
    return parseArgs(CONFIG);
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function toPort(option: string, text: string): number {
  const port = Number(text);
  if (/^\d+$/.test(text) && port <= 65_535) return port;
  throw new UsageError(`${option} must be a port number, but is "${text}"`);
}
