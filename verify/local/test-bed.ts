/** The test bed: the local system, also with each layer off, for the calls of the matrix. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
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
import { stage } from "../../tools/build.ts";
import { temporaryFolder } from "../../tools/write-file.ts";
import { builtService } from "../model/built-service.ts";
import { requireAllListed } from "../model/operations.ts";
import { originsOf } from "../model/origins.ts";
import { registrationFaults, requireNoFaults, withoutGuard } from "../model/registrations.ts";
import type { Layers, LocalTarget, Policy } from "../model/report.ts";
import { stageWithoutGuard } from "./without-guard.ts";

export interface TestBed {
  readonly endpoints: Endpoints;
  readonly target: LocalTarget;
  /** The callee's addresses by network origin, with both layers on or with one off. */
  readonly frontEnds: Readonly<Record<Layers, Readonly<Record<string, string>>>>;
  /** The same for a callee whose Functions host enforces keys, as in App Service. */
  readonly hostFrontEnds: TestBed["frontEnds"];
  /** The master key of that Functions host, made for this run. */
  readonly masterKey: string;
  /** A part of an id: never the same for two calls. */
  unique(): string;
  stop(): Promise<void>;
}

export interface TestBedOptions {
  /** Where a running system has its `endpoints.json`. */
  readonly folder: string;
  /** Is told which system is used, and why. */
  readonly note: (line: string) => void;
  /** Ends the start early. */
  readonly signal?: AbortSignal;
  /** Starts a system under this host, even if another one is running. */
  readonly host?: Endpoints["host"] | undefined;
}

/** Network layer off: no rule, and a default action that lets everyone in. */
const ALLOW_ALL = { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction: "Allow" };

/**
 * Uses the running local system of a folder, or starts one. Beside it, each layer is switched off in turn: front ends without
 * restrictions before the same app, and an app without its guard behind the same front ends.
 *
 * Calls of the Functions host go to another host, which enforces keys and has the template's settings. The system's own host
 * enforces no keys, like `func start`.
 *
 * @param policy names the services whose subnets the calls come from
 */
export async function startTestBed(policy: Policy, { folder, note, signal, host }: TestBedOptions): Promise<TestBed> {
  await using started = new AsyncDisposableStack();
  const own = async <T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> =>
    started.adopt(await part, (value) => value.stop());

  const { folder: scratch, remove } = temporaryFolder("verify-");
  started.defer(remove);
  const found = host === undefined ? await runningSystem(folder, note) : undefined;
  const why = host === undefined ? "No system of this checkout is running" : `Under --host ${host}`;
  note(found ? `The running system at ${found.caller}.` : `${why}: starting one.`);
  const system = found
    ? { endpoints: found, folder }
    : await own(startTestSystem({ signal, ...(host !== undefined && { host }) }));
  const { endpoints } = system;

  const snapshot = readSnapshot("default");
  const masterKey = randomUUID();
  const hostAsInAzure = (appFolder: string): Promise<FunctionsHost> =>
    own(
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
  const guarded = await hostAsInAzure(await stage("callee-func", join(scratch, "with-guard")));
  const unguardedFolder = join(scratch, "without-guard");
  await stageWithoutGuard("callee-func", unguardedFolder);
  const unguarded = await hostAsInAzure(unguardedFolder);
  requireAllListed(unguarded.functions);
  await requireGuarded(policy, endpoints);

  const further = originsOf(policy, "callee-func").filter(({ frontEnd }) => frontEnd === null);
  const frontEnd = async (rules: unknown, targetPort: number): Promise<Readonly<Record<string, string>>> => {
    const restrictions = parseAccessRestrictions(rules);
    const opened = await own(startFrontEnd({ restrictions, targetPort, log: () => undefined }));
    const more = further.map(async ({ id, subnetOf }) => [id, await opened.openFor(subnetOf ?? "")] as const);
    const { callerSubnet, otherSubnet, internet } = opened;
    return { callerSubnet, otherSubnet, internet, ...Object.fromEntries(await Promise.all(more)) };
  };
  const restrictions = accessRestrictionsOf(snapshot, "callee-func");
  const networkOnly = await frontEnd(restrictions, unguarded.port);
  const frontEnds: TestBed["frontEnds"] = {
    both: {
      ...endpoints.callee,
      ...Object.fromEntries(further.map(({ id, subnetOf }) => [id, endpoints.calleeFrom[subnetOf ?? ""] ?? ""])),
    },
    "application-only": await frontEnd(ALLOW_ALL, Number(new URL(endpoints.callee.callerSubnet).port)),
    "network-only": networkOnly,
  };
  const hostFrontEnds: TestBed["frontEnds"] = {
    both: await frontEnd(restrictions, guarded.port),
    "application-only": await frontEnd(ALLOW_ALL, guarded.port),
    "network-only": networkOnly,
  };
  const run = randomUUID();
  let calls = 0;
  const running = started.move();
  return {
    endpoints,
    target: found ? { kind: "local", system: "running", commit: found.run.commit } : { kind: "local", system: "own" },
    frontEnds,
    hostFrontEnds,
    masterKey,
    unique: () => `${run}-${calls++}`,
    stop: () => running.disposeAsync(),
  };
}

/** @throws Error that names each function that is not registered as it must be, or has no guard */
async function requireGuarded({ services }: Policy, { apps }: Endpoints): Promise<void> {
  const faults = Object.keys(services).map(async (service) => {
    const build = await builtService(service);
    const functions = build.functions.map(({ name, bindings }) => ({ name, bindings: Object.values(bindings) }));
    const open = await withoutGuard(service, functions, apps[service] ?? "");
    return [service, [...registrationFaults(service, functions), ...open]] as const;
  });
  requireNoFaults(Object.fromEntries(await Promise.all(faults)));
}

/** The running system of this checkout, if its callee responds. Otherwise a note gives the reason. */
async function runningSystem(folder: string, note: (line: string) => void): Promise<Endpoints | undefined> {
  const found = await runningEndpoints(folder, note);
  if (found === undefined) return undefined;
  const response = await fetch(`${found.callee.callerSubnet}/api/health`).catch(() => undefined);
  if (response?.ok === true) return found;
  note(`Ignored: the running system at ${found.caller}, whose callee-func does not answer.`);
  return undefined;
}
