import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { parseAccessRestrictions } from "../../local/doors/access-restrictions.ts";
import { type Doors, startDoors } from "../../local/doors/doors.ts";
import { startFunctionsHost } from "../../local/host/functions-host.ts";
import { readLocalSettings } from "../../local/host/local-settings.ts";
import type { Endpoints } from "../../local/start/endpoints.ts";
import { startTestSystem } from "../../local/testing/test-system.ts";
import type { Layers } from "../report/report.ts";
import { requireAllListed } from "./operations.ts";
import { stageWithoutGuard } from "./without-guard.ts";

/** Where the calls of the matrix are made. */
export interface Ground {
  readonly endpoints: Endpoints;
  /** Started for the purpose, or running already. */
  readonly system: "own" | "running";
  /** The callee's addresses, by network, with both layers on or one of them off. */
  readonly doors: Readonly<Record<Layers, Endpoints["callee"]>>;
  stop(): Promise<void>;
}

/** Network layer off: no rule, and whoever matches none is let in. */
const LETS_ALL_IN = { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction: "Allow" };

/**
 * Takes the running local system of a folder, or else starts one of its own, beside which each layer is switched off in
 * turn: front doors that let everybody in, before the same app; and an app without its guard, behind the same front doors.
 *
 * @param folder where a running system has written its `endpoints.json`
 * @param note is told which of the two it is
 * @param signal ends the start early
 */
export async function prepareGround(
  folder: string,
  note: (line: string) => void,
  signal?: AbortSignal,
): Promise<Ground> {
  const running: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const stopPart of running.splice(0).reverse()) await stopPart();
  };
  const started = async <T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> => {
    const value = await part;
    running.push(() => value.stop());
    return value;
  };
  try {
    const scratch = await mkdtemp(join(tmpdir(), "verify-"));
    running.push(() => rm(scratch, { recursive: true, force: true }));
    const found = await runningSystem(folder);
    note(found ? `The running system at ${found.caller}.` : "No system is running here: starting one of its own.");
    const system = found ? { endpoints: found, folder } : await started(startTestSystem({ signal }));

    const unguardedFolder = join(scratch, "without-guard");
    await stageWithoutGuard("callee-func", unguardedFolder);
    const unguarded = await started(
      startFunctionsHost({
        appFolder: unguardedFolder,
        port: 0,
        settings: readLocalSettings(join(system.folder, "callee-func.settings.json")).Values,
        stateFolder: join(scratch, "state"),
        log: () => undefined,
      }),
    );
    requireAllListed(unguarded.functions);

    const doors = (restrictions: unknown, targetPort: number): Promise<Doors> =>
      started(startDoors({ restrictions: parseAccessRestrictions(restrictions), targetPort, log: () => undefined }));
    const { endpoints } = system;
    const admitted = Number(new URL(endpoints.callee.callerSubnet).port);
    return {
      endpoints,
      system: found ? "running" : "own",
      doors: {
        both: endpoints.callee,
        "application-only": await doors(LETS_ALL_IN, admitted),
        "network-only": await doors(accessRestrictionsOf(readSnapshot("default"), "callee-func"), unguarded.port),
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The running system of a folder; undefined where there is none, or not all of it answers. */
async function runningSystem(folder: string): Promise<Endpoints | undefined> {
  try {
    const endpoints = JSON.parse(await readFile(join(folder, "endpoints.json"), "utf8")) as Endpoints;
    const answers = await Promise.all(
      [`${endpoints.callee.callerSubnet}/api/health`, `${endpoints.entra.control}/requests`].map((url) => fetch(url)),
    );
    return answers.every(({ ok }) => ok) ? endpoints : undefined;
  } catch {
    return undefined;
  }
}
