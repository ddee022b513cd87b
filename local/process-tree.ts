import { spawnSync } from "node:child_process";

/** Kills a process that leads a group of its own (`detached`) and everything below it, at once. */
export function killTree(pid: number): void {
  // Windows has no process groups to send a signal to, and its own command for the tree.
  if (process.platform === "win32") spawnSync("taskkill", ["/pid", String(pid), "/t", "/f"], { stdio: "ignore" });
  else process.kill(-pid, "SIGKILL");
}
