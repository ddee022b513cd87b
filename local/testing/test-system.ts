import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePorts, type LocalSystem, startSystem, type SystemOptions } from "../start/system.ts";

/** A whole local system of a test file's own: free ports, a data folder of its own, and its log to look at. */
export interface TestSystem extends LocalSystem {
  readonly folder: string;
  readonly log: readonly string[];
}

/** A schedule that does not tick while a test runs: tests run the timer when they want it. */
const HARDLY_EVER = "0 0 0 29 2 *";

export async function startTestSystem(
  options: Partial<Pick<SystemOptions, "withApps" | "deliverySchedule" | "host" | "inspectPorts">> = {},
): Promise<TestSystem> {
  const folder = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
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
      await rm(folder, { recursive: true, force: true });
    };
    return { ...system, folder, log, stop };
  } catch (error) {
    console.error(log.join("\n"));
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}
