/** The test bed: the local system, also with each layer off, for the calls of the matrix. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { accessRestrictionsOf, hostSettingsOf, readSnapshot } from "../../infra/snapshot.ts";
import {
  type Endpoints,
  type FunctionsHost,
  networkOf,
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
import { type Origin, originsOf } from "../model/origins.ts";
import { registrationFaults, requireNoFaults } from "../model/registrations.ts";
import { apiNames, type Policy } from "@restricted-calls/shared/access-policy";
import type { Layers, LocalTarget } from "../model/report.ts";
import { stageWithoutGuard } from "./without-guard.ts";

export interface TestBed {
  readonly endpoints: Endpoints;
  readonly target: LocalTarget;
  /** The called services: those with roles. */
  readonly services: Readonly<Record<string, CalledService>>;
  /** The master key of their Functions hosts with keys, made for this run. */
  readonly masterKey: string;
  /** A part of an id: never the same for two calls. */
  unique(): string;
  stop(): Promise<void>;
}

/** The addresses of a service by network origin, with both layers on or with one off. */
type FrontEnds = Readonly<Record<Layers, Readonly<Record<string, string>>>>;

export interface CalledService {
  readonly frontEnds: FrontEnds;
  /** The same for an app whose Functions host enforces keys, as in App Service. */
  readonly hostFrontEnds: FrontEnds;
  /** The address of the app without either layer. */
  readonly unprotected: string;
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
 * Uses the running local system of a folder, or starts one. Beside it, each layer of each service with roles is switched off in
 * turn: front ends without restrictions before the same app, and an app without its guard behind the same front ends.
 *
 * Calls of the Functions host go to another host, which enforces keys and has the template's settings. The system's own host
 * enforces no keys, like `func start`.
 *
 * @param policy names the services and external callers from whose networks the calls come
 */
export async function startTestBed(policy: Policy, { folder, note, signal, host }: TestBedOptions): Promise<TestBed> {
  await requireAsListed(policy);
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
  const startService = async (service: string): Promise<CalledService> => {
    const hostAsInAzure = (appFolder: string): Promise<FunctionsHost> =>
      own(
        startFunctionsHost({
          appFolder,
          port: 0,
          settings: {
            ...readLocalSettings(join(system.folder, `${service}.settings.json`)).Values,
            ...hostSettingsOf(snapshot, service),
          },
          masterKey,
          stateFolder: `${appFolder}.state`,
          log: () => undefined,
        }),
      );
    const guarded = await hostAsInAzure(await stage(service, join(scratch, service, "with-guard")));
    const unguardedFolder = join(scratch, service, "without-guard");
    await stageWithoutGuard(service, unguardedFolder);
    const unguarded = await hostAsInAzure(unguardedFolder);

    const origins = originsOf(policy, service);
    const frontEnd = async (rules: unknown, targetPort: number): Promise<Readonly<Record<string, string>>> => {
      const restrictions = parseAccessRestrictions(rules);
      const networks = Object.fromEntries(origins.map(({ id, callerOf }) => [id, networkOf(callerOf)]));
      const opened = await own(startFrontEnd({ restrictions, targetPort, networks, log: () => undefined }));
      return opened.origins;
    };
    const restrictions = accessRestrictionsOf(snapshot, service);
    const appPort = Number(new URL(endpoints.apps[service] ?? "").port);
    const systems = endpoints.frontEnds[service];
    const networkOnly = await frontEnd(restrictions, unguarded.port);
    return {
      frontEnds: {
        // The system's own front end, which a service without callers does not have.
        both: systems
          ? Object.fromEntries(origins.map((origin) => [origin.id, originAt(systems, origin)]))
          : await frontEnd(restrictions, appPort),
        "application-only": await frontEnd(ALLOW_ALL, appPort),
        "network-only": networkOnly,
      },
      hostFrontEnds: {
        both: await frontEnd(restrictions, guarded.port),
        "application-only": await frontEnd(ALLOW_ALL, guarded.port),
        "network-only": networkOnly,
      },
      unprotected: `http://127.0.0.1:${unguarded.port}`,
    };
  };
  const services: Record<string, CalledService> = {};
  for (const service of apiNames(policy)) services[service] = await startService(service);
  const run = randomUUID();
  let calls = 0;
  const running = started.move();
  return {
    endpoints,
    target: found ? { kind: "local", system: "running", commit: found.run.commit } : { kind: "local", system: "own" },
    services,
    masterKey,
    unique: () => `${run}-${calls++}`,
    stop: () => running.disposeAsync(),
  };
}

function originAt({ from, otherSubnet, internet }: Endpoints["frontEnds"][string], { callerOf }: Origin): string {
  return callerOf === null ? internet : (from[callerOf] ?? otherSubnet);
}

/** @throws Error that names each function that no contract lists, or that is not registered as it must be */
async function requireAsListed({ services }: Policy): Promise<void> {
  const faults = Object.keys(services).map(async (service) => {
    const build = await builtService(service);
    const functions = build.functions.map(({ name, bindings }) => ({ name, bindings: Object.values(bindings) }));
    return [service, registrationFaults(service, functions)] as const;
  });
  requireNoFaults(Object.fromEntries(await Promise.all(faults)));
}

/** The running system of this checkout, if its called services respond. Otherwise a note gives the reason. */
async function runningSystem(folder: string, note: (line: string) => void): Promise<Endpoints | undefined> {
  const found = await runningEndpoints(folder, note);
  if (found === undefined) return undefined;
  for (const [service, { from }] of Object.entries(found.frontEnds)) {
    const [origin = ""] = Object.values(from);
    // Behind a front end, an app that does not run is a 502 or 503.
    const response = await fetch(origin).catch(() => undefined);
    if (response !== undefined && response.status < 500) continue;
    note(`Ignored: the running system at ${found.caller}, whose ${service} does not respond.`);
    return undefined;
  }
  return found;
}
