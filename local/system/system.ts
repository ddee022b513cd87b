/** The whole local system: builds the apps, and starts and stops them and everything that they need. */
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { accessPolicy } from "../../tools/access-policy.ts";
import { apps, stage, STAGED_BY } from "../../tools/build.ts";
import { checkedOutCommit } from "../../tools/commit.ts";
import { storageAccount } from "../../tools/service-names.ts";
import { requireWritable } from "../../tools/write-file.ts";
import { ensureCertificates, ensureClientCertificate } from "../certificates/certificates.ts";
import { type LocalEntra, startLocalEntra } from "../entra/local-entra.ts";
import { startFunctionsHost } from "../host/functions-host.ts";
import { startHostStorage, startStorage } from "../storage/storage.ts";
import { recordAuditEvents, recordNetworkRefusals } from "./audit-events.ts";
import { type AppSettings, appSettings } from "./app-settings.ts";
import { requireCoreTools, startFuncHost } from "./core-tools.ts";
import { type Endpoints, endpointsOf, runningEndpoints, writePrivateJson } from "./endpoints.ts";
import { type FrontEnds, startFrontEnds } from "./front-ends.ts";
import { chosenAppPorts, type Ports, requireFree } from "./ports.ts";

const root = join(import.meta.dirname, "..", "..");

export interface SystemOptions {
  /** Certificates, data, settings and `endpoints.json` go here. */
  readonly folder: string;
  /** Where the apps are staged. */
  readonly appsFolder: string;
  readonly ports: Ports;
  /** Without the apps, everything else runs. Any host can run them with the settings beside `endpoints.json`. */
  readonly withApps: boolean;
  /** Which host runs the apps; the embedded one by default. */
  readonly host?: Endpoints["host"];
  /** Starts the apps' workers with Node's inspector on these ports. */
  readonly inspectPorts?: Readonly<Partial<Record<ServiceName, number>>> | undefined;
  /** A six-field NCRONTAB expression. */
  readonly deliverySchedule: string;
  /** Gets each line of the log, and the part that wrote it. */
  readonly log: (source: string, line: string) => void;
  /** Ends the start: nothing is left running then. */
  readonly signal?: AbortSignal | undefined;
}

/** The whole system, running on this machine. */
export interface LocalSystem {
  readonly endpoints: Endpoints;
  readonly endpointsFile: string;
  readonly entra: LocalEntra;
  readonly setRestrictions: FrontEnds["setRestrictions"];
  /** Resolves when storage or Core Tools end by themselves, which nothing restarts: to what it was. */
  readonly failed: Promise<string>;
  stopApp(app: ServiceName): Promise<void>;
  /** @param overrides settings that replace its own */
  startApp(app: ServiceName, overrides?: AppSettings): Promise<void>;
  stop(): Promise<void>;
}

/** A schedule for systems whose timer must not tick: on 29 February only. */
export const RARE_SCHEDULE = "0 0 0 29 2 *";

/**
 * Builds the apps and starts everything they need, then them.
 *
 * @throws Error with one clear line where a port cannot be used, the system of the folder runs already, a folder cannot be
 *   written, or Core Tools are requested and missing; nothing is left running then
 */
export async function startSystem(options: SystemOptions): Promise<LocalSystem> {
  const { folder, ports, host = "embedded", signal } = options;
  const { promise: failed, resolve: fail } = Promise.withResolvers<string>();
  await using starting = new AsyncDisposableStack();
  const owned = async <T extends Stoppable>(part: Promise<T>): Promise<T> =>
    starting.adopt(await part, (value) => value.stop());

  await requireWritable(folder);
  await requireNotRunning(folder);
  const files = filesOf(folder);
  starting.defer(removeAtExit([files.endpoints, ...Object.values(files.settings)]));
  await requireFree(ports, host, options.inspectPorts);
  if (host === "func" && options.withApps) await requireCoreTools();
  const logOfSystem = (line: string): void => {
    options.log("system", line);
  };
  const recordEvent = recordAuditEvents(folder, logOfSystem);
  const logOf = (source: string) => (line: string) => {
    options.log(source, line);
  };
  const logOfApp = (app: ServiceName) => (line: string) => {
    recordEvent(app, line);
    options.log(app, line);
  };
  const staged = Promise.all(apps.map((app) => stage(app, join(options.appsFolder, app))));
  staged.catch(() => undefined); // Reported where it is awaited, below.
  // After stop(), no build writes files.
  starting.defer(async () => {
    await Promise.allSettled([staged]);
  });
  const certificates = await ensureCertificates(join(folder, "certificates"));
  const clientCertificate = await ensureClientCertificate(join(folder, "certificates"), "caller-app");
  signal?.throwIfAborted();
  const [entra, storage, hostStorage] = await settled([
    owned(
      startLocalEntra({
        certificates,
        clientCertificates: { "caller-app": clientCertificate.certificate },
        port: ports.entra,
        managedIdentityPort: ports.managedIdentity,
        log: logOf("entra"),
      }),
    ),
    owned(
      startStorage({
        folder: join(folder, "storage"),
        certificates,
        accounts: apps.map(storageAccount),
        port: ports.storage,
        log: logOf("storage"),
      }),
    ),
    host === "func"
      ? owned(
          startHostStorage(
            join(folder, "host-storage"),
            { blob: ports.hostBlobs, queue: ports.hostQueues, table: ports.hostTables },
            logOf("storage"),
          ),
        )
      : undefined,
  ]);
  for (const part of [storage, hostStorage]) void part?.died.then(fail);

  const appPorts = await chosenAppPorts(ports);
  const frontEnds = await owned(
    startFrontEnds(appPorts, ports, logOf("front end"), recordNetworkRefusals(folder, logOfSystem)),
  );
  const { originFor, setRestrictions } = frontEnds;
  const endpoints = {
    ...endpointsOf(host, appPorts, frontEnds.endpoints, entra, {
      caFile: certificates.caFile,
      clientCertificateFiles: { "caller-app": clientCertificate.file },
    }),
    run: { processId: process.pid, checkout: root, commit: await checkedOutCommit() },
  };
  const settings = appSettings({
    endpoints,
    directory: entra.directory,
    tableEndpoint: (account) => storage.endpoint(account),
    originFor,
    deliverySchedule: options.deliverySchedule,
    hostStorage: hostStorage?.connectionString,
  });
  await staged;
  signal?.throwIfAborted();

  const startHost = async (app: ServiceName, overrides?: AppSettings): Promise<AppHost> => {
    const appFolder = join(options.appsFolder, app);
    const values = { ...settings[app], ...overrides };
    const common = {
      port: appPorts[app],
      inspectPort: options.inspectPorts?.[app],
      log: withFrontEndAddress(`:${appPorts[app]}/`, frontEnds.addressOf(app), logOfApp(app)),
    };
    return host === "func"
      ? await startFuncHost({ ...common, folder: appFolder, settings: { Values: values } }, signal)
      : await startFunctionsHost({ ...common, appFolder, settings: values, stateFolder: join(folder, "state", app) });
  };
  const running = runningApps(startHost, fail);
  starting.defer(() => running.stop());
  if (options.withApps) await settled(apps.map((app) => running.startApp(app)));
  signal?.throwIfAborted();

  await Promise.all(apps.map((app) => writeLocalSettings(files.settings[app], settings[app])));
  await writePrivateJson(files.endpoints, endpoints);
  const started = starting.move();
  return {
    ...{ endpoints, endpointsFile: files.endpoints, entra, setRestrictions, failed },
    startApp: running.startApp,
    stopApp: running.stopApp,
    stop: () => started.disposeAsync(),
  };
}

interface Stoppable {
  stop(): Promise<void>;
}

/** What runs an app. The embedded host restarts its worker itself; Core Tools report that they have ended. */
interface AppHost extends Stoppable {
  readonly exited?: Promise<number>;
}

/** The apps that run, each of which can be stopped and started again. */
function runningApps(
  startHost: (app: ServiceName, overrides?: AppSettings) => Promise<AppHost>,
  fail: (what: string) => void,
) {
  const hosts = new Map<ServiceName, AppHost>();
  let isStopping = false;
  const stopApp = async (app: ServiceName): Promise<void> => {
    const host = hosts.get(app);
    hosts.delete(app);
    await host?.stop();
  };
  const startApp = async (app: ServiceName, overrides?: AppSettings): Promise<void> => {
    const host = await startHost(app, overrides);
    hosts.set(app, host);
    void host.exited?.then((code) => {
      if (hosts.get(app) === host) fail(`func start of ${app} ended by itself, with exit code ${code}`);
    });
    // An app must not start after stop() began.
    if (isStopping) await stopApp(app);
  };
  const stop = async (): Promise<void> => {
    isStopping = true;
    // Those that nobody calls first, so that their calls under way still get responses.
    const isCalled = (app: ServiceName): boolean => Object.keys(accessPolicy.services[app].callers).length > 0;
    for (const app of [...apps].sort((a, b) => Number(isCalled(a)) - Number(isCalled(b)))) await stopApp(app);
  };
  return { startApp, stopApp, stop };
}

function filesOf(folder: string) {
  const settings = Object.fromEntries(apps.map((app) => [app, join(folder, `${app}.settings.json`)]));
  return { endpoints: join(folder, "endpoints.json"), settings: settings as Readonly<Record<ServiceName, string>> };
}

/**
 * Removes files that a killed process has left, and removes them again when this process ends, also at a second Ctrl-C or an
 * error.
 *
 * @returns removes them earlier
 */
function removeAtExit(files: readonly string[]): () => void {
  const remove = (): void => {
    for (const file of files) rmSync(file, { force: true });
  };
  remove();
  process.once("exit", remove);
  return () => {
    process.off("exit", remove);
    remove();
  };
}

/**
 * Both hosts log an app's HTTP functions with the app's own address. Callers use the front end's, where there is one.
 *
 * @param own the part of the address that identifies the app: its port
 */
function withFrontEndAddress(
  own: string,
  address: string | undefined,
  log: (line: string) => void,
): (line: string) => void {
  if (address === undefined) return log;
  return (line) => {
    log(
      line.replace(/(?<=: \[[A-Z,a-z]*\] )http:\/\/(?:127\.0\.0\.1|localhost)(:\d+\/)/, (listed, port) =>
        port === own ? `${address}/` : listed,
      ),
    );
  };
}

/** Writes settings in the form of `local.settings.json`, which any host reads. */
function writeLocalSettings(file: string, settings: AppSettings): Promise<void> {
  return writePrivateJson(file, { IsEncrypted: false, [STAGED_BY]: "a start of this repository", Values: settings });
}

/** Waits for all, then fails if one failed: only what has started can be stopped. */
async function settled<T extends readonly unknown[]>(parts: { [I in keyof T]: Promise<T[I]> | T[I] }): Promise<T> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}

/** Two systems cannot share the storage of a folder. */
async function requireNotRunning(folder: string): Promise<void> {
  const found = await runningEndpoints(folder, () => undefined);
  if (found === undefined) return;
  throw new Error(
    `The system of this folder runs already: process ${found.run.processId}, ${found.caller}. End it first. ` +
      "A second one beside it: in another clone, with --port or --free-ports.",
  );
}
