import { spawnSync } from "node:child_process";
import { environmentFor } from "./environment.mjs";

/** Kills a process that leads a group of its own (`detached`) and everything below it, at once. */
export function killTree(pid: number): void {
  // Windows has no process groups to send a signal to, and its own command for the tree.
  if (process.platform !== "win32") process.kill(-pid, "SIGKILL");
  else spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { env: environmentFor(), stdio: "ignore" });
}
