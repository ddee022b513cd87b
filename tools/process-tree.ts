/** Kills a process and its descendants. */
import { spawnSync } from "node:child_process";
import { environmentFor } from "./environment.mjs";

/** Kills a process that leads its own process group (`detached`), and all of its descendants. */
export function killTree(pid: number): void {
  // Windows has no process groups, but a command that kills a process tree.
  if (process.platform !== "win32") process.kill(-pid, "SIGKILL");
  else spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { env: environmentFor(), stdio: "ignore" });
}
