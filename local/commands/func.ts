/** npm run start:caller and the like: runs one app under Azure Functions Core Tools. */
import { join, relative } from "node:path";
import { apps, stage } from "../../tools/build.ts";
import { command, stopSignal, UsageError, wholeNumber } from "../../tools/command-line.ts";
import { requireCoreTools, startFunc } from "../system/core-tools.ts";
import { startCommand } from "../../tools/service-names.ts";
import { defaultInspectPort, defaultPorts, inspectPorts } from "../system/ports.ts";
import { settingsToRun } from "../system/own-settings.ts";
import { runningEndpoints } from "../system/endpoints.ts";

const commands = apps.map(startCommand);
const byApp = (ports: Readonly<Record<string, number>>): string =>
  Object.entries(ports)
    .map(([app, port]) => `${app} ${port}`)
    .join(", ");

const USAGE = `Usage: ${commands.map((line) => `${line} [-- options]`).join("\n       ")}

Stages the app and runs it under Azure Functions Core Tools (func start) until Ctrl-C, with the settings in
<app>/local.settings.json where there is that file (npm run settings makes it), or else those of the system that
"npm start -- --no-apps" runs in another terminal.

  --port <port>     where the app listens (default: where the running system expects it; ${byApp(defaultPorts.apps)})
  --inspect[=port]  start the app with Node's inspector (default: ${byApp(inspectPorts(defaultInspectPort))})
  --help            show this text`;

const root = join(import.meta.dirname, "..", "..");

await command(
  USAGE,
  {
    allowPositionals: true,
    options: { port: { type: "string" }, inspect: { type: "string" } },
    bareValues: { inspect: "0" },
  },
  async ({ positionals: [name, ...others], values }) => {
    const app = apps.find((known) => known === name);
    if (app === undefined) throw new UsageError(`${commands.join(" or ")}. --help shows the usage.`);
    if (others.length > 0) throw new UsageError(`Unexpected argument '${others.join(" ")}'. --help shows the usage.`);
    const given = values.port === undefined ? undefined : wholeNumber("--port", values.port, 1, 65_535);
    const inspect = values.inspect === undefined ? undefined : wholeNumber("--inspect", values.inspect, 0, 65_535);
    const inspectPort = inspect === 0 ? inspectPorts(defaultInspectPort)[app] : inspect;

    const system = await runningEndpoints(join(root, ".local"), console.error);
    const port = given ?? Number(new URL(system?.apps[app] ?? "http://127.0.0.1").port || defaultPorts.apps[app]);
    const { settings, file } = settingsToRun(root, app);
    await requireCoreTools();
    const folder = await stage(app);
    console.log(`${app} runs under Core Tools with the settings of ${relative(root, file)}.`);
    const func = await startFunc({ folder, port, settings, inspectPort });
    const exitCode = await Promise.race([func.exited, stopSignal().first]);
    await func.stop();
    return exitCode;
  },
);
