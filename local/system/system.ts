import { rmSync } from "node:fs";
import { join } from "node:path";
import { apps, stage, STAGED_BY } from "../../tools/build.ts";
import { storageAccount } from "../../tools/service-names.ts";
import { requireWritable } from "../../tools/write-file.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { ensureClientCertificate } from "../certificates/client-certificate.ts";
import { ensureCertificates } from "../certificates/local-certificates.ts";
import type { FrontEnd } from "../front-end/front-end.ts";
import { type LocalEntra, startLocalEntra } from "../entra/local-entra.ts";
import { startFunctionsHost } from "../host/functions-host.ts";
import { startHostStorage } from "../storage/host-storage.ts";
import { startStorage } from "../storage/storage.ts";
import { type AppName, type AppSettings, appSettings } from "./app-settings.ts";
import { checkedOutCommit } from "../../tools/commit.ts";
import { requireCoreTools, startFuncHost } from "./core-tools.ts";
import { type Endpoints, runningEndpoints, writePrivateJson } from "./endpoints.ts";
import { openFrontEnds } from "./front-ends.ts";
import { freePort, requireFree } from "./ports.ts";

const root = join(import.meta.dirname, "..", "..");

/** The listening ports of a system; 0 takes a free one. */
export interface Ports {
  readonly caller: number;
  /** Services beside these two take the ports that follow. */
  readonly callee: number;
  readonly callerSubnet: number;
  readonly otherSubnet: number;
  readonly internet: number;
  readonly entra: number;
  readonly managedIdentity: number;
  readonly storage: number;
  /** The host's own storage, under Core Tools. */
  readonly hostBlobs: number;
  readonly hostQueues: number;
  readonly hostTables: number;
}

export interface SystemOptions {
  /** Certificates, data, settings and `endpoints.json` go here. */
  readonly folder: string;
  /** Where the apps are staged. */
  readonly appsFolder: string;
  readonly ports: Ports;
  /** Without the apps, everything else runs, and any host can run them by the settings written beside `endpoints.json`. */
  readonly withApps: boolean;
  /** Which host runs the apps; the embedded one where none is named. */
  readonly host?: Endpoints["host"];
  /** Starts the apps' workers with Node's inspector on these ports. */
  readonly inspectPorts?: Readonly<Partial<Record<AppName, number>>> | undefined;
  /** A six-field NCRONTAB expression. */
  readonly deliverySchedule: string;
  /** Gets each line of the log, and which part it comes from. */
  readonly log: (source: string, line: string) => void;
  /** Ends the start: nothing is left running then. */
  readonly signal?: AbortSignal | undefined;
}

/** The whole system, running on this machine. */
export interface LocalSystem {
  readonly endpoints: Endpoints;
  readonly endpointsFile: string;
  readonly entra: LocalEntra;
  /** The front end of callee-func. */
  readonly frontEnd: FrontEnd;
  /** Says what it was, when a part that nothing restarts ends by itself: Core Tools, or storage. */
  readonly failed: Promise<string>;
  stopApp(app: AppName): Promise<void>;
  /** @param overrides settings to start it with in place of its own */
  startApp(app: AppName, overrides?: AppSettings): Promise<void>;
  stop(): Promise<void>;
}

/** Ports that `npm start` uses: a stranger finds them in the README. */
export const defaultPorts: Ports = {
  caller: 7071,
  callee: 7072,
  callerSubnet: 7081,
  otherSubnet: 7082,
  internet: 7083,
  entra: 7090,
  managedIdentity: 7091,
  storage: 7092,
  hostBlobs: 7093,
  hostQueues: 7094,
  hostTables: 7095,
};

/**
 * The ports of `npm start`, each as far from the first as it is from 7071.
 *
 * @param first replaces 7071
 */
export function portsFrom(first: number): Ports {
  return everyPort((port) => port - defaultPorts.caller + first);
}

/** The last one for which all of the others are ports, too. */
export const LAST_FIRST_PORT = 65_535 - (Math.max(...Object.values<number>({ ...defaultPorts })) - defaultPorts.caller);

/** Free ports, for a system of one's own beside a running one. */
export const freePorts = everyPort(() => 0);

function everyPort(change: (port: number) => number): Ports {
  const changed = Object.entries<number>({ ...defaultPorts }).map(([name, port]) => [name, change(port)] as const);
  return Object.fromEntries(changed) as unknown as Ports;
}

/** A schedule that does not tick while anyone watches. */
export const HARDLY_EVER = "0 0 0 29 2 *";

/**
 * Builds the apps and starts everything they need around them, then them.
 *
 * @throws Error with one clear line where a port cannot be used, the system of the folder runs already, a folder cannot be written, or Core Tools are wanted and not
 *   there; nothing is left running then.
 */
export async function startSystem(options: SystemOptions): Promise<LocalSystem> {
  const { folder, ports, host = "embedded", signal } = options;
  const endpointsFile = join(folder, "endpoints.json");
  const settingsFiles = apps.map((app) => ({ app, file: join(folder, `${app}.settings.json`) }));
  const removeFiles = (): void => {
    for (const file of [endpointsFile, ...settingsFiles.map((settings) => settings.file)])
      rmSync(file, { force: true });
  };
  const { promise: failed, resolve: fail } = Promise.withResolvers<string>();
  const running: (() => Promise<void> | void)[] = [];
  let isStopping = false;
  const stop = async (): Promise<void> => {
    isStopping = true;
    for (const stopPart of running.splice(0).reverse()) await stopPart();
  };
  const started = async <T extends { stop(): Promise<void> }>(part: Promise<T>): Promise<T> => {
    const value = await part;
    running.push(() => value.stop());
    return value;
  };
  const logOf = (source: string) => (line: string) => {
    options.log(source, line);
  };

  try {
    await requireWritable(folder);
    await requireNotRunning(folder);
    process.once("exit", removeFiles); // However this process ends: a second Ctrl-C, an error.
    removeFiles(); // What a process that was killed has left.
    running.push(() => {
      process.off("exit", removeFiles);
      removeFiles();
    });
    await requireFree({
      ...(host === "func" ? ports : withoutHostStorage(ports)),
      ...furtherPorts(ports),
      ...Object.fromEntries(
        Object.entries(options.inspectPorts ?? {}).map(([app, port]) => [`${app}'s inspector`, port]),
      ),
    });
    if (host === "func" && options.withApps) await requireCoreTools();
    const staged = Promise.all(apps.map((app) => stage(app, join(options.appsFolder, app))));
    staged.catch(() => undefined); // Reported where it is awaited, below.
    running.push(async () => {
      await Promise.allSettled([staged]); // Nothing is written any more once all has stopped.
    });
    const certificates = await ensureCertificates(join(folder, "certificates"));
    const clientCertificate = await ensureClientCertificate(join(folder, "certificates"), "caller-app");
    signal?.throwIfAborted();
    const [entra, storage, hostStorage] = await settled([
      started(
        startLocalEntra({
          certificates,
          clientCertificates: { "caller-app": clientCertificate.certificate },
          port: ports.entra,
          managedIdentityPort: ports.managedIdentity,
          log: logOf("entra"),
        }),
      ),
      started(
        startStorage({
          folder: join(folder, "storage"),
          certificates,
          accounts: apps.map(storageAccount),
          port: ports.storage,
          log: logOf("storage"),
        }),
      ),
      host === "func"
        ? started(
            startHostStorage(
              join(folder, "host-storage"),
              { blob: ports.hostBlobs, queue: ports.hostQueues, table: ports.hostTables },
              logOf("storage"),
            ),
          )
        : undefined,
    ]);

    for (const part of [storage, hostStorage]) void part?.died.then(fail);

    const hosts = new Map<AppName, AppHost>();
    const appPorts = await chosenPorts(ports);
    const {
      calleeFrontEnd: frontEnd,
      wayTo,
      addressOf,
    } = await started(openFrontEnds(appPorts, ports, logOf("front end")));
    const endpoints = {
      ...endpointsOf(host, appPorts, frontEnd, entra, {
        caFile: certificates.caFile,
        clientCertificateFiles: { "caller-app": clientCertificate.file },
      }),
      calleeFrom: Object.fromEntries(
        Object.keys(accessPolicy.services["callee-func"].callers).map((caller) => [
          caller,
          wayTo("callee-func", caller),
        ]),
      ),
      run: { processId: process.pid, checkout: root, commit: await checkedOutCommit() },
    };
    const settings = appSettings({
      endpoints,
      directory: entra.directory,
      tableEndpoint: (account) => storage.endpoint(account),
      wayTo,
      deliverySchedule: options.deliverySchedule,
      hostStorage: hostStorage?.connectionString,
    });
    await staged;
    signal?.throwIfAborted();

    const startApp = async (app: AppName, overrides?: AppSettings): Promise<void> => {
      const appFolder = join(options.appsFolder, app);
      const values = { ...settings[app], ...overrides };
      const common = {
        port: appPorts[app],
        inspectPort: options.inspectPorts?.[app],
        log: atFrontEnd(`:${appPorts[app]}/`, addressOf(app), logOf(app)),
      };
      const appHost: AppHost =
        host === "func"
          ? await startFuncHost({ ...common, folder: appFolder, settings: { Values: values } }, signal)
          : await startFunctionsHost({
              ...{ ...common, appFolder, settings: values, stateFolder: join(folder, "state", app) },
            });
      hosts.set(app, appHost);
      void appHost.exited?.then((code) => {
        if (hosts.get(app) === appHost) fail(`func start of ${app} ended by itself, with exit code ${code}`);
      });
      // Whoever restarts an app may do so at the very moment of the end: nothing may start behind its back.
      if (isStopping) await stopApp(app);
    };
    const stopApp = async (app: AppName): Promise<void> => {
      const host = hosts.get(app);
      hosts.delete(app);
      await host?.stop();
    };
    running.push(async () => {
      // The caller first, so that what it has under way can still be answered.
      for (const app of apps) await stopApp(app);
    });
    if (options.withApps) await settled(apps.map((app) => startApp(app)));
    signal?.throwIfAborted();

    await Promise.all(settingsFiles.map(({ app, file }) => writeLocalSettings(file, settings[app])));
    await writePrivateJson(endpointsFile, endpoints);
    return { endpoints, endpointsFile, entra, frontEnd, failed, startApp, stopApp, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** What runs an app. The embedded host restarts its worker itself; Core Tools say when they have ended. */
interface AppHost {
  readonly exited?: Promise<number>;
  stop(): Promise<void>;
}

/**
 * Both hosts list an app's HTTP functions at the app's own address. Callers use the front end's, where there is one.
 *
 * @param own the part of the address that is the app's own: its port
 */
function atFrontEnd(own: string, address: string | undefined, log: (line: string) => void): (line: string) => void {
  if (address === undefined) return log;
  return (line) => {
    log(
      line.replace(/(?<=: \[[A-Z,a-z]*\] )http:\/\/(?:127\.0\.0\.1|localhost)(:\d+\/)/, (listed, port) =>
        port === own ? `${address}/` : listed,
      ),
    );
  };
}

/** Where the apps listen; 0 where it is any free port. */
export function appPortsOf(ports: Ports): Readonly<Record<AppName, number>> {
  const named: Record<string, number> = { "caller-func": ports.caller, "callee-func": ports.callee };
  return { ...named, ...furtherPorts(ports) } as Record<AppName, number>;
}

function furtherPorts(ports: Ports): Record<string, number> {
  const further = apps.filter((app) => !["caller-func", "callee-func"].includes(app));
  return Object.fromEntries(further.map((app, i) => [app, ports.callee === 0 ? 0 : ports.callee + 1 + i]));
}

async function chosenPorts(ports: Ports): Promise<Readonly<Record<AppName, number>>> {
  const chosen = Object.entries(appPortsOf(ports)).map(
    async ([app, port]) => [app, port === 0 ? await freePort() : port] as const,
  );
  return Object.fromEntries(await Promise.all(chosen)) as Record<AppName, number>;
}

function endpointsOf(
  host: Endpoints["host"],
  appPorts: Readonly<Record<AppName, number>>,
  frontEnd: FrontEnd,
  entra: LocalEntra,
  { caFile, clientCertificateFiles }: { caFile: string; clientCertificateFiles: Readonly<Record<string, string>> },
): Omit<Endpoints, "calleeFrom" | "run"> {
  const api = entra.directory.apis.find(({ service }) => service === "callee-func");
  if (api === undefined) throw new Error("The access policy gives callee-func no role, so it has no app registration.");
  const { callerSubnet, otherSubnet, internet } = frontEnd;
  const { authority, tenantId, managedIdentityEndpoint, identityHeader, control } = entra;
  const addresses = Object.fromEntries(
    Object.entries(appPorts).map(([app, port]) => [app, `http://127.0.0.1:${port}`]),
  );
  return {
    caller: addresses["caller-func"] ?? "",
    callee: { callerSubnet, otherSubnet, internet },
    entra: { authority, tenantId, managedIdentityEndpoint, identityHeader, caFile, control },
    api: { clientId: api.clientId, identifierUri: api.identifierUri },
    identities: Object.fromEntries(
      entra.directory.identities.map(({ name, clientId, principalId }) => {
        const clientSecret = entra.clientSecrets[name];
        const clientCertificateFile = clientCertificateFiles[name];
        return [
          name,
          {
            ...{ clientId, principalId },
            ...(clientSecret !== undefined && { clientSecret }),
            ...(clientCertificateFile !== undefined && { clientCertificateFile }),
          },
        ];
      }),
    ),
    host,
    apps: addresses,
  };
}

/** The settings in the form of `local.settings.json`, for any other host: Core Tools, or the embedded one by hand. */
function writeLocalSettings(file: string, settings: AppSettings): Promise<void> {
  return writePrivateJson(file, { IsEncrypted: false, [STAGED_BY]: "a start of this repository", Values: settings });
}

/** Waits for all before it fails for one: what has started can then be stopped. */
async function settled<T extends readonly unknown[]>(parts: { [I in keyof T]: Promise<T[I]> | T[I] }): Promise<T> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}

/** Two systems cannot share a folder: its storage is for one. */
async function requireNotRunning(folder: string): Promise<void> {
  const found = await runningEndpoints(folder, () => undefined);
  if (found === undefined) return;
  throw new Error(
    `The system of this folder runs already: process ${found.run.processId}, ${found.caller}. End it first. ` +
      "A second one beside it: in another clone, with --port or --free-ports.",
  );
}

function withoutHostStorage({ hostBlobs, hostQueues, hostTables, ...ports }: Ports): Readonly<Record<string, number>> {
  return ports;
}
