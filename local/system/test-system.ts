/** A local system for one test file or the proof. */
import { join } from "node:path";
import { temporaryFolder } from "../../tools/write-file.ts";
import { freePorts } from "./ports.ts";
import { type LocalSystem, RARE_SCHEDULE, startSystem, type SystemOptions } from "./system.ts";

export interface TestSystem extends LocalSystem {
  readonly folder: string;
  /** Each line that the system logged. */
  readonly log: readonly string[];
}

/** Starts a whole system with free ports and a temporary folder. Its timer does not tick: tests run it. */
export async function startTestSystem(
  options: Partial<Pick<SystemOptions, "withApps" | "deliverySchedule" | "host" | "inspectPorts" | "signal">> = {},
): Promise<TestSystem> {
  await using starting = new AsyncDisposableStack();
  const { folder, remove } = temporaryFolder("restricted-calls-test-");
  starting.defer(remove);
  const log: string[] = [];
  try {
    const system = await startSystem({
      folder,
      appsFolder: join(folder, "apps"),
      ports: freePorts,
      withApps: true,
      deliverySchedule: RARE_SCHEDULE,
      ...options,
      log: (source, line) => log.push(`${source}: ${line}`),
    });
    starting.defer(() => system.stop());
    const started = starting.move();
    return { ...system, folder, log, stop: () => started.disposeAsync() };
  } catch (error) {
    const lines = [`The local system could not be started: ${String(error)}`, ...log];
    throw new Error(lines.join("\n"), { cause: error });
  }
}
