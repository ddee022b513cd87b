/** Instances of a function app under Azure Functions Core Tools that can be killed, for chaos. */
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { type AppInstance, HOST_ENDED, type InstanceOptions } from "../host/app-instance.ts";
import { type FuncProcess, funcReady, startFunc } from "./core-tools.ts";

/**
 * An instance under the real host. It runs a copy of the app in its state folder, because Core Tools read settings from the
 * app's folder. Its `stop` is the Ctrl-C of Core Tools, with the time limit of `FuncProcess.stop`.
 */
export function funcInstance(options: InstanceOptions, log: (line: string) => void): AppInstance {
  const { appFolder, port, settings, stateFolder } = options;
  let running: FuncProcess | undefined;
  /** Counts starts and ends: a start that an end has overtaken is no more wanted. */
  let latest = 0;
  const end = async (how: "kill" | "stop"): Promise<void> => {
    latest += 1;
    const func = running;
    running = undefined;
    await func?.[how]();
  };
  return {
    async start() {
      const own = (latest += 1);
      const folder = join(stateFolder, "app");
      await cp(appFolder, folder, { recursive: true });
      const func = await startFunc({ folder, port, settings: { Values: settings }, log });
      if (own !== latest) return func.kill();
      running = func;
      void func.exited.then(() => {
        if (own === latest) log(HOST_ENDED);
      });
      try {
        await funcReady(func, port);
      } catch (error) {
        if (own === latest) throw error;
      }
    },
    kill: () => end("kill"),
    stop: () => end("stop"),
  };
}
