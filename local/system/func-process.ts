/**
 * Runs `func` with this process's arguments, environment and folder, for as long as the parent holds on to the IPC
 * channel: it breaks when the parent lets go of it and also when the parent dies, however it dies.
 *
 * Core Tools end in an orderly way at a SIGINT and take a grace period of 2 s themselves (`CancelKeyHandler.cs` of
 * Azure/azure-functions-core-tools). Windows has no signals: there the process tree is ended at once.
 */
import { spawn } from "node:child_process";
import { killTree } from "../../tools/process-tree.ts";

/** After this time, in milliseconds, whatever still runs is killed. */
const STOP_LIMIT = 8_000;
const isWindows = process.platform === "win32";

const args = process.argv.slice(2);
// npm's command is a .cmd file on Windows, which only a shell can start. No argument here needs quoting.
const func = isWindows
  ? spawn(["func", ...args].join(" "), { stdio: "inherit", shell: true })
  : spawn("func", args, { stdio: "inherit" });

process.once("disconnect", stop);
if (!process.connected) stop(); // the parent was gone before this process could listen for it
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);

func.on("error", (error) => {
  console.error(`func could not be started: ${error.message}`);
  process.exit(1);
});
func.on("exit", (code) => {
  // A worker that has outlived a host that died.
  if (!isWindows) process.kill(-process.pid, "SIGTERM");
  process.exit(code ?? 1);
});

function stop(): void {
  if (isWindows && func.pid !== undefined) killTree(func.pid);
  else func.kill("SIGINT");
  // This process leads a group of its own: the group is Core Tools, and the workers that they have started.
  if (!isWindows) setTimeout(killTree, STOP_LIMIT, process.pid).unref();
}
