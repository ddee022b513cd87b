/** Starts the system with two processes of each app and proxies between its parts, and causes faults in it. */
import { join } from "node:path";
import {
  type AppInstance,
  appInstance,
  type Endpoints,
  freePort,
  freePorts,
  funcInstance,
  readLocalSettings,
  requireCoreTools,
  startSystem,
} from "../local/index.ts";
import { type ServiceName, settingPrefix } from "@restricted-calls/shared/access-policy";
import { tableEndpointSetting } from "../tools/access-policy.ts";
import { storageAccount } from "../tools/service-names.ts";
import { activeFaults, certificatesOf, type FaultyProxyOptions, startFaultyProxy } from "./faulty-proxy.ts";
import type { Fault, Part } from "./plan.ts";

/** The running system, and the faults that can be caused in it. */
export interface TestBed {
  readonly endpoints: Endpoints;
  /** The origin of the two callers, which take turns. */
  readonly callers: string;
  readonly hits: ReadonlyMap<string, number>;
  /** The output of all processes. */
  readonly log: readonly string[];
  begin(fault: Fault): Promise<void>;
  end(fault: Fault): Promise<void>;
  stop(): Promise<void>;
}

/** What runs the apps: the embedded host, or Azure Functions Core Tools with the real one. */
export type Host = Endpoints["host"];

export interface TestBedOptions {
  readonly seed: number;
  readonly host: Host;
  readonly services: Readonly<Record<Part, ServiceName>>;
  /** The folder for settings and data. */
  readonly folder: string;
  /** Settings by service, which replace its own. */
  readonly settings: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const parts = ["caller", "callee"] as const;

/**
 * Starts the system on free ports and in the given folder:
 *
 *     clients - callers' front end - 2 callers - faults - callee's front end - 2 callees
 *                                      |                                        |
 *                                      +-------- faults - storage --------------+
 *
 * Faults of storage meet what the apps store, not what the host stores of its timers. Under Core Tools, the two processes of an
 * app are instances of one app, as in Azure: one of them runs the timer, and after it was killed, the other takes over within a
 * minute.
 *
 * @throws Error that says what to install, where Core Tools are requested and missing
 */
export async function startTestBed(options: TestBedOptions): Promise<TestBed> {
  const { seed, host, folder, services } = options;
  if (host === "func") await requireCoreTools();
  const log: string[] = [];
  await using started = new AsyncDisposableStack();
  const own = <T extends { stop(): Promise<void> }>(part: T): T => started.adopt(part, (owned) => owned.stop());
  const proxy = async (options: FaultyProxyOptions): Promise<string> => {
    const { port } = own(await startFaultyProxy(options));
    return `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  };
  const calleePort = await freePort();
  const system = own(
    await startSystem({
      folder,
      appsFolder: join(folder, "apps"),
      ports: { ...freePorts, apps: { ...freePorts.apps, [services.callee]: calleePort } },
      withApps: false,
      host,
      deliverySchedule: "*/2 * * * * *",
      log: (source, line) => log.push(`${source}: ${line}`),
    }),
  );
  const { entra, frontEnds, identities } = system.endpoints;

  const faults = activeFaults(
    seed,
    of((part) => storageAccount(services[part])),
  );
  const { active, hits } = faults;
  const settings = of((part) => readLocalSettings(join(folder, `${services[part]}.settings.json`)).Values);
  const storageOrigin = new URL(settings.caller[tableEndpointSetting(services.caller)] ?? "").origin;
  const ports = {
    caller: [await freePort(), await freePort()],
    callee: [await freePort(), await freePort()],
  };
  const calleeOrigin = frontEnds[services.callee]?.from[services.caller] ?? "";
  const none = () => ({ kind: "none" }) as const;
  await proxy({ targets: ports.callee, port: calleePort, interfere: none });
  const callers = await proxy({ targets: ports.caller, interfere: none });
  const calleeViaFaults = await proxy({ targets: [portOf(calleeOrigin)], interfere: () => faults.callee() });
  const storageViaFaults = await proxy({
    targets: [portOf(storageOrigin)],
    tls: await certificatesOf(folder),
    interfere: (request) => faults.storage(request),
  });

  const changes: Record<Part, (process: number) => Record<string, string>> = {
    caller: (process) => ({
      [`${settingPrefix(services.callee)}_URL`]: calleeViaFaults,
      // The app registration trusts the caller of the access policy's first call only, and holds its roles.
      ...(services.caller === system.entra.directory.firstCall.caller && asAppRegistration(process)),
    }),
    callee: () => ({}),
  };
  // Both processes call as one app registration, because a callee may tell callers apart. The first one uses the managed
  // identity that the app registration trusts, the second one its client secret.
  const asAppRegistration = (process: number): Record<string, string> => ({
    CALLER_CREDENTIAL: process === 0 ? "federated-identity" : "client-secret",
    CALLER_APP_CLIENT_ID: identities["caller-app"]?.clientId ?? "",
    ...(process === 1 && { CALLER_APP_CLIENT_SECRET: identities["caller-app"]?.clientSecret ?? "" }),
  });
  const instanceOf = (part: Part, port: number, process: number): AppInstance => {
    const app = services[part];
    const all = { ...settings[part], ...changes[part](process), ...options.settings[app] };
    const viaProxy = Object.entries(all).map(([name, value]) => [name, value.replace(storageOrigin, storageViaFaults)]);
    const instance = instanceUnder[host](
      {
        appFolder: join(folder, "apps", app),
        port,
        settings: {
          ...(Object.fromEntries(viaProxy) as Record<string, string>),
          // By its id, the real host knows the other instances of an app.
          ...(host === "func" && { AzureFunctionsWebHost__hostid: app }),
        },
        stateFolder: join(folder, "state", `${app}-${process + 1}`),
      },
      (line) => log.push(`${app} ${process + 1}: ${line}`),
    );
    started.defer(() => instance.kill());
    return instance;
  };
  const instances = of((part) => ports[part].map((port, process) => instanceOf(part, port, process)));
  await Promise.all(parts.flatMap((part) => instances[part].map((instance) => instance.start())));

  const control = async (path: string, body: object = {}): Promise<void> => {
    await fetch(`${entra.control}/${path}`, { method: "POST", body: JSON.stringify(body) });
  };
  /** Causes a fault, or ends it. */
  const set = async (fault: Fault, isOn: boolean): Promise<void> => {
    if (fault.kind === "kill" || fault.kind === "scale-in") {
      const instance = instances[fault.app][fault.process];
      await (isOn ? (fault.kind === "kill" ? instance?.kill() : instance?.stop()) : instance?.start());
    }
    if (fault.kind === "keys-rotated" && isOn) await control("keys/rotate");
    if (fault.kind === "network-refused") {
      const ipSecurityRestrictionsDefaultAction = isOn ? "Deny" : "Allow";
      system.setRestrictions(services.callee, { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction });
    }
    if (fault.kind === "entra-down") {
      for (const endpoint of ["keys", "metadata", "token", "managed-identity"]) {
        await control("faults", { endpoint, mode: isOn ? "down" : "ok" });
      }
    }
  };
  const running = started.move();
  return {
    ...{ endpoints: system.endpoints, callers, hits, log, stop: () => running.disposeAsync() },
    async begin(fault) {
      active.add(fault);
      await set(fault, true);
    },
    async end(fault) {
      active.delete(fault);
      // Of two overlapping faults of the same part, the later end counts.
      if (![...active].some((other) => subjectOf(other) === subjectOf(fault))) await set(fault, false);
    },
  };
}

const instanceUnder = { embedded: appInstance, func: funcInstance };

function of<T>(value: (part: Part) => T): Record<Part, T> {
  return { caller: value("caller"), callee: value("callee") };
}

function subjectOf(fault: Fault): string {
  return "process" in fault ? `${fault.app} ${fault.process}` : fault.kind;
}

const portOf = (origin: string): number => Number(new URL(origin).port);
