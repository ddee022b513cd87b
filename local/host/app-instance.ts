/** Instances of a function app that can be killed, for chaos. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { environmentFor } from "../../tools/environment.mjs";
import type { FunctionsHostOptions } from "./functions-host.ts";
import { killTree } from "../../tools/process-tree.ts";

export type InstanceOptions = Omit<FunctionsHostOptions, "log">;

/** One instance of a function app, in its own processes. */
export interface AppInstance {
  /** Resolves also if it is killed or stopped before it is up. */
  start(): Promise<void>;
  /** Kills the host and its worker at the same moment. */
  kill(): Promise<void>;
  /** As on scale-in: waits for running functions, runs the app's `appTerminate` hooks, and ends. */
  stop(): Promise<void>;
}

/** What an instance logs when its host ends by itself. */
export const HOST_ENDED = "the host ended by itself";

/** The last one is of the real Functions host (`WorkerProcess.cs` of Azure/azure-functions-host). */
const CRASHES = [HOST_ENDED, "the worker ended \\(", "Language Worker Process exited"];
const crash = new RegExp(CRASHES.join("|"));

/** Whether a line in the log of an instance says that its worker or its host ended by itself: neither by `kill` nor by `stop`. */
export function isCrash(line: string): boolean {
  return crash.test(line);
}

/** An instance under the embedded host. */
export function appInstance(options: InstanceOptions, log: (line: string) => void): AppInstance {
  let child: ChildProcess | undefined;
  const end = async (how: (running: ChildProcess) => void): Promise<void> => {
    const running = child;
    child = undefined;
    if (running?.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, "exit");
    how(running);
    await ended;
  };
  return {
    async start() {
      // In its own process group, which can be killed at once.
      const started = fork(new URL("app-instance-process.ts", import.meta.url), {
        detached: true,
        env: environmentFor(),
        silent: true,
        windowsHide: true,
      });
      child = started;
      for (const stream of [started.stdout, started.stderr]) if (stream) createInterface(stream).on("line", log);
      const ended = once(started, "exit").then(() => {
        if (child === started) log(HOST_ENDED);
        return "ended";
      });
      started.send(options);
      if ((await Promise.race([once(started, "message"), ended])) === "ended" && child === started) {
        throw new Error(`The app in ${options.appFolder} did not start.`);
      }
    },
    kill: () =>
      end((running) => {
        if (running.pid !== undefined) killTree(running.pid);
      }),
    stop: () =>
      end((running) => {
        running.send("stop");
      }),
  };
}
