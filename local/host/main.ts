/** Runs a staged app under the embedded host: node local/host/main.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { command, stopSignal, UsageError, wholeNumber } from "../../tools/command-line.ts";
import { startFunctionsHost } from "./functions-host.ts";
import { readLocalSettings } from "./local-settings.ts";

const USAGE = `Usage: node local/host/main.ts <app folder> [options]

Runs a staged Azure Functions app (HTTP and timer triggers) on this machine.

  --port <number>      where to listen on 127.0.0.1; 0 picks a free port (default 7071)
  --settings <file>    app settings in the form of local.settings.json
                       (default: local.settings.json in the app folder, where there is one)
  --state <folder>     where timers keep their status (default: .timers in the app folder)
  --inspect <port>     start the app with Node's inspector on that port
  --help               show this text`;

await command(
  USAGE,
  {
    allowPositionals: true,
    options: {
      port: { type: "string", default: "7071" },
      settings: { type: "string" },
      state: { type: "string" },
      inspect: { type: "string" },
    },
  },
  async ({ positionals: [appFolder, ...others], values }) => {
    if (appFolder === undefined || others.length > 0)
      throw new UsageError("Name one app folder. --help shows the usage.");
    const port = wholeNumber("--port", values.port, 0, 65_535);
    const inspectPort = values.inspect === undefined ? undefined : wholeNumber("--inspect", values.inspect, 0, 65_535);
    const ownSettings = join(appFolder, "local.settings.json");
    const settingsFile = values.settings ?? (existsSync(ownSettings) ? ownSettings : undefined);
    const stopped = stopSignal();
    const host = await startFunctionsHost({
      ...{ appFolder, port, inspectPort },
      settings: settingsFile === undefined ? {} : readLocalSettings(settingsFile).Values,
      stateFolder: values.state ?? join(appFolder, ".timers"),
      log: (line) => process.stdout.write(`${line}\n`),
    });
    await stopped.first;
    await host.stop();
    return 0;
  },
);
