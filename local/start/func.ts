import { spawn, spawnSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { apps, stage } from "../../build.ts";
import { defaultPorts } from "./system.ts";

const USAGE = `Usage: npm run start:caller
       npm run start:callee

Stages the app and runs it under Azure Functions Core Tools (func start), by the settings that
"npm start -- --no-apps" has written; run that first, in another terminal.`;

const root = join(import.meta.dirname, "..", "..");

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { help: { type: "boolean", short: "h" } },
  });
  const app = apps.find((name) => name === positionals[0]);
  if (values.help === true || app === undefined) {
    console.log(USAGE);
    return;
  }
  if (spawnSync("func --version", { shell: true }).status !== 0) {
    throw new Error(
      "Azure Functions Core Tools are not installed here, because npm could not download them: " +
        "https://aka.ms/azfunc-install. Or run both apps under the embedded host: npm start.",
    );
  }
  const folder = await stage(app);
  const settings = join(root, ".local", `${app}.settings.json`);
  await copyFile(settings, join(folder, "local.settings.json")).catch((error: unknown) => {
    throw new Error(`There is no ${settings}. Run "npm start -- --no-apps" in another terminal first.`, {
      cause: error,
    });
  });
  const port = app === "caller-func" ? defaultPorts.caller : defaultPorts.callee;
  const func = spawn(`func start --port ${port}`, { cwd: folder, stdio: "inherit", shell: true });
  process.on("SIGINT", () => undefined); // The terminal's Ctrl-C reaches func by itself.
  func.on("exit", (code) => {
    process.exitCode = code ?? 1;
  });
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
