import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { stage } from "../../tools/build.ts";
import { accessRestrictionsOf, hostSettingsOf, readSnapshot } from "../../infra/snapshot.ts";
import {
  type Endpoints,
  type FunctionsHost,
  parseAccessRestrictions,
  readLocalSettings,
  runningEndpoints,
  startFrontEnd,
  startFunctionsHost,
  startTestSystem,
} from "../../local/index.ts";
import { temporaryFolder } from "../../tools/write-file.ts";
import type { Layers, LocalTarget, Policy } from "../model/report.ts";
import { builtService } from "../model/built-service.ts";
import { requireAllListed } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import { registrationFaults, requireNoFaults, withoutGuard } from "../model/registrations.ts";
import { stageWithoutGuard } from "./without-guard.ts";

/** Where the calls of the matrix are made. */
export interface Ground {
  readonly endpoints: Endpoints;
  readonly target: LocalTarget;
  /** The callee's addresses, by the id of the network origin, with both layers on or one of them off. */
  readonly doors: Readonly<Record<Layers, Readonly<Record<string, string>>>>;
  /** The same of a callee whose Functions host runs as App Service runs it: what answers before any function. */
  readonly hostDoors: Ground["doors"];
  /** The key of that host, made for this run. */
  readonly masterKey: string;
  stop(): Promise<void>;
}

/** Network layer off: no rule, and whoever matches none is let in. */
const LETS_ALL_IN = { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction: "Allow" };

/**
 * Takes the running local system of a folder, or else starts one of its own, beside which each layer is switched off in
 * turn: front doors that let everybody in, before the same app; and an app without its guard, behind the same front doors.
 *
 * Calls of the Functions host itself go to a further one, which enforces keys and has the template's settings: the system's
 * own host enforces none, like `func start`.
 *
 * @param folder where a running system has written its `endpoints.json`
 * @param policy names the services from whose subnets calls come
 * @param note is told which of the two it is, and why
 * @param signal ends the start early
 * @param host runs the apps of a system of its own, whether or not one is running; undefined: either system will do
 */
export async function prepareGround(
  folder: string,
  policy: Policy,
  note: (line: string) => void,
  signal?: AbortSignal,
  host?: Endpoints["host"],
): Promise<Ground> {
  const running: (() => Promise<void> | void)[] = [];
  const stop = async (): Promise<void> => {
    for (const stopPart of running.splice(0).reverse()) await stopPart();
  };
  const started = async <T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> => {
    const value = await part;
    running.push(() => value.stop());
    return value;
  };
  try {
    const { folder: scratch, remove } = temporaryFolder("verify-");
    running.push(remove);
    const found = host === undefined ? await runningSystem(folder, note) : undefined;
    const why = host === undefined ? "No system of this checkout is running" : `Under --host ${host}`;
    note(found ? `The running system at ${found.caller}.` : `${why}: starting one.`);
    const system = found
      ? { endpoints: found, folder }
      : await started(startTestSystem({ signal, ...(host !== undefined && { host }) }));

    const snapshot = readSnapshot("default");
    const masterKey = randomUUID();
    const asInAzure = (appFolder: string): Promise<FunctionsHost> =>
      started(
        startFunctionsHost({
          appFolder,
          port: 0,
          settings: {
            ...readLocalSettings(join(system.folder, "callee-func.settings.json")).Values,
            ...hostSettingsOf(snapshot, "callee-func"),
          },
          masterKey,
          stateFolder: `${appFolder}.state`,
          log: () => undefined,
        }),
      );
    const guarded = await asInAzure(await stage("callee-func", join(scratch, "with-guard")));
    const unguardedFolder = join(scratch, "without-guard");
    await stageWithoutGuard("callee-func", unguardedFolder);
    const unguarded = await asInAzure(unguardedFolder);
    requireAllListed(unguarded.functions);
    await requireRestricted(policy, system.endpoints);

    const further = originsOf(policy, "callee-func").filter(({ frontEnd }) => frontEnd === null);
    const doors = async (rules: unknown, targetPort: number): Promise<Readonly<Record<string, string>>> => {
      const frontEnd = await started(
        startFrontEnd({ restrictions: parseAccessRestrictions(rules), targetPort, log: () => undefined }),
      );
      const opened = further.map(async ({ id, subnetOf }) => [id, await frontEnd.openFor(subnetOf ?? "")] as const);
      const { callerSubnet, otherSubnet, internet } = frontEnd;
      return { callerSubnet, otherSubnet, internet, ...Object.fromEntries(await Promise.all(opened)) };
    };
    const { endpoints } = system;
    const restrictions = accessRestrictionsOf(snapshot, "callee-func");
    const networkOnly = await doors(restrictions, unguarded.port);
    const admitted = Number(new URL(endpoints.callee.callerSubnet).port);
    return {
      endpoints,
      target: found ? { kind: "local", system: "running", commit: found.run.commit } : { kind: "local", system: "own" },
      doors: {
        both: {
          ...endpoints.callee,
          ...Object.fromEntries(further.map(({ id, subnetOf }) => [id, endpoints.calleeFrom[subnetOf ?? ""] ?? ""])),
        },
        "application-only": await doors(LETS_ALL_IN, admitted),
        "network-only": networkOnly,
      },
      hostDoors: {
        both: await doors(restrictions, guarded.port),
        "application-only": await doors(LETS_ALL_IN, guarded.port),
        "network-only": networkOnly,
      },
      masterKey,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Holds how each service registers its functions against how it must. @throws Error that names what is wrong */
async function requireRestricted({ services }: Policy, { apps }: Endpoints): Promise<void> {
  const faults = Object.keys(services).map(async (service) => {
    const build = await builtService(service);
    const functions = build.functions.map(({ name, bindings }) => ({ name, bindings: Object.values(bindings) }));
    const open = await withoutGuard(service, functions, apps[service] ?? "");
    return [service, [...registrationFaults(service, functions), ...open]] as const;
  });
  requireNoFaults(Object.fromEntries(await Promise.all(faults)));
}

/** The running system of this checkout, if its callee answers; else a note says why there is none. */
async function runningSystem(folder: string, note: (line: string) => void): Promise<Endpoints | undefined> {
  const found = await runningEndpoints(folder, note);
  if (found === undefined) return undefined;
  const answer = await fetch(`${found.callee.callerSubnet}/api/health`).catch(() => undefined);
  if (answer?.ok === true) return found;
  note(`Ignored: the running system at ${found.caller}, whose callee-func does not answer.`);
  return undefined;
}
