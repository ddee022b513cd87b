import { join } from "node:path";
import { temporaryFolder } from "../../tools/write-file.ts";
import { freePorts, HARDLY_EVER, type LocalSystem, startSystem, type SystemOptions } from "./system.ts";

/** A whole local system of a test's or a proof's own: free ports, a data folder of its own, and its log to look at. */
export interface TestSystem extends LocalSystem {
  readonly folder: string;
  readonly log: readonly string[];
}

/** Its timer does not tick: tests run it when they want it. */
export async function startTestSystem(
  options: Partial<Pick<SystemOptions, "withApps" | "deliverySchedule" | "host" | "inspectPorts" | "signal">> = {},
): Promise<TestSystem> {
  const { folder, remove } = temporaryFolder("restricted-calls-test-");
  const log: string[] = [];
  try {
    const system = await startSystem({
      folder,
      appsFolder: join(folder, "apps"),
      ports: freePorts,
      withApps: true,
      deliverySchedule: HARDLY_EVER,
      ...options,
      log: (source, line) => log.push(`${source}: ${line}`),
    });
    const stop = async (): Promise<void> => {
      await system.stop();
      remove();
    };
    return { ...system, folder, log, stop };
  } catch (error) {
    remove();
    const why = [`The local system could not be started: ${String(error)}`, ...log];
    throw new Error(why.join("\n"), { cause: error });
  }
}
