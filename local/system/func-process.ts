/**
 * The process of Core Tools: runs `func` with this process's arguments, environment and folder, until the IPC channel closes.
 * It closes when the parent disconnects or dies.
 *
 * At SIGINT, Core Tools stop the host and take up to 2 s (`CancelKeyHandler.cs` of Azure/azure-functions-core-tools). Windows
 * has no signals: there the process tree is killed.
 */
import { spawn } from "node:child_process";
import { killTree } from "../../tools/process-tree.ts";

/** After this time, everything that still runs is killed. */
const STOP_LIMIT_MS = 8_000;
const isWindows = process.platform === "win32";

const args = process.argv.slice(2);
// npm's command is a .cmd file on Windows, which only a shell can start. No argument here needs quoting.
const func = isWindows
  ? spawn(["func", ...args].join(" "), { stdio: "inherit", shell: true })
  : spawn("func", args, { stdio: "inherit" });

process.once("disconnect", stop);
if (!process.connected) stop(); // the parent ended before the listener above was there
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

func.on("error", (error) => {
  console.error(`func could not be started: ${error.message}`);
  process.exit(1);
});
func.on("exit", (code) => {
  // A worker can outlive a host that was killed.
  if (!isWindows) process.kill(-process.pid, "SIGTERM");
  process.exit(code ?? 1);
});

function stop(): void {
  if (isWindows && func.pid !== undefined) killTree(func.pid);
  else func.kill("SIGINT");
  // This process leads a process group: Core Tools and their workers.
  if (!isWindows) setTimeout(killTree, STOP_LIMIT_MS, process.pid).unref();
}
