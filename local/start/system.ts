import { access, constants, mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { stage } from "../../build.ts";
import { ensureClientCertificate } from "../certificates/client-certificate.ts";
import { accessRestrictionsOf, readSnapshot } from "../../infra/snapshot.ts";
import { ensureCertificates } from "../certificates/local-certificates.ts";
import { parseAccessRestrictions } from "../doors/access-restrictions.ts";
import { type Doors, startDoors } from "../doors/doors.ts";
import { type LocalEntra, startLocalEntra } from "../entra/local-entra.ts";
import { type FunctionsHost, startFunctionsHost } from "../host/functions-host.ts";
import { startStorage } from "../storage/storage.ts";
import { type AppSettings, appSettings, storageAccounts } from "./app-settings.ts";
import { type Endpoints, writePrivateJson } from "./endpoints.ts";

export type AppName = "caller-func" | "callee-func";

/** The listening ports of a system; 0 takes a free one. */
export interface Ports {
  readonly caller: number;
  readonly callee: number;
  readonly callerSubnet: number;
  readonly otherSubnet: number;
  readonly internet: number;
  readonly entra: number;
  readonly managedIdentity: number;
  readonly storage: number;
}

export interface SystemOptions {
  /** Certificates, data, settings and `endpoints.json` go here. */
  readonly folder: string;
  /** Where the apps are staged. */
  readonly appsFolder: string;
  readonly ports: Ports;
  /** Without the apps, everything else runs, and any host can run them by the settings written beside `endpoints.json`. */
  readonly withApps: boolean;
  /** A six-field NCRONTAB expression. */
  readonly deliverySchedule: string;
  /** Gets each line of the log, and which part it comes from. */
  readonly log: (source: string, line: string) => void;
}

/** The whole system, running on this machine. */
export interface LocalSystem {
  readonly endpoints: Endpoints;
  readonly endpointsFile: string;
  readonly entra: LocalEntra;
  readonly doors: Doors;
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
};

/** Free ports, for a system of one's own beside a running one. */
export const freePorts = Object.fromEntries(Object.keys(defaultPorts).map((name) => [name, 0])) as unknown as Ports;

/**
 * Builds the apps and starts everything they need around them, then them.
 *
 * @throws Error with one clear line where a port is taken or a folder cannot be written; nothing is left running then.
 */
export async function startSystem(options: SystemOptions): Promise<LocalSystem> {
  const { folder, ports } = options;
  const running: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
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
    await requireFree(ports);
    const staged = Promise.all(appNames.map((app) => stage(app, join(options.appsFolder, app))));
    staged.catch(() => undefined); // Reported where it is awaited, below.
    const certificates = await ensureCertificates(join(folder, "certificates"));
    const clientCertificate = await ensureClientCertificate(join(folder, "certificates"), "caller-app");
    const [entra, storage] = await settled([
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
          accounts: Object.values(storageAccounts),
          port: ports.storage,
          log: logOf("storage"),
        }),
      ),
    ]);

    const hosts = new Map<AppName, FunctionsHost>();
    const appPorts: Record<AppName, number> = {
      "caller-func": ports.caller || (await freePort()),
      "callee-func": ports.callee || (await freePort()),
    };
    const doors = await started(
      startDoors({
        restrictions: parseAccessRestrictions(accessRestrictionsOf(readSnapshot("default"), "callee-func")),
        targetPort: appPorts["callee-func"],
        ports,
        log: logOf("front end"),
      }),
    );
    const endpoints = endpointsOf(`http://127.0.0.1:${appPorts["caller-func"]}`, doors, entra, {
      caFile: certificates.caFile,
      clientCertificateFiles: { "caller-app": clientCertificate.file },
    });
    const settings = appSettings(
      endpoints,
      entra.directory,
      (account) => storage.endpoint(account),
      options.deliverySchedule,
    );
    await staged;

    const startApp = async (app: AppName, overrides?: AppSettings): Promise<void> => {
      const host = await startFunctionsHost({
        appFolder: join(options.appsFolder, app),
        port: appPorts[app],
        settings: { ...settings[app], ...overrides },
        stateFolder: join(folder, "state", app),
        log: logOf(app),
      });
      hosts.set(app, host);
    };
    const stopApp = async (app: AppName): Promise<void> => {
      const host = hosts.get(app);
      hosts.delete(app);
      await host?.stop();
    };
    running.push(async () => {
      // The caller first, so that what it has under way can still be answered.
      for (const app of appNames) await stopApp(app);
    });
    if (options.withApps) await settled(appNames.map((app) => startApp(app)));

    const endpointsFile = join(folder, "endpoints.json");
    await writePrivateJson(endpointsFile, endpoints);
    await Promise.all(appNames.map((app) => writeLocalSettings(folder, app, settings[app])));
    return { endpoints, endpointsFile, entra, doors, startApp, stopApp, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

const appNames = ["caller-func", "callee-func"] as const;

function endpointsOf(
  caller: string,
  doors: Doors,
  entra: LocalEntra,
  { caFile, clientCertificateFiles }: { caFile: string; clientCertificateFiles: Readonly<Record<string, string>> },
): Endpoints {
  const api = entra.directory.apis.find(({ service }) => service === "callee-func");
  if (api === undefined) throw new Error("The access policy gives callee-func no role, so it has no app registration.");
  const { callerSubnet, otherSubnet, internet } = doors;
  const { authority, tenantId, managedIdentityEndpoint, identityHeader, control } = entra;
  return {
    caller,
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
    host: "embedded",
  };
}

/** The settings in the form of `local.settings.json`, for any other host: Core Tools, or the embedded one by hand. */
function writeLocalSettings(folder: string, app: AppName, settings: AppSettings): Promise<void> {
  return writePrivateJson(join(folder, `${app}.settings.json`), { IsEncrypted: false, Values: settings });
}

/** Waits for all before it fails for one: what has started can then be stopped. */
async function settled<T extends readonly unknown[]>(parts: { [I in keyof T]: Promise<T[I]> }): Promise<T> {
  await Promise.allSettled(parts);
  return await Promise.all(parts);
}

async function requireWritable(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  } catch (error) {
    throw new Error(`${folder} cannot be written: make it a folder that you may write to.`, { cause: error });
  }
}

/** Asks for every port before anything starts, so that the answer names them all. */
async function requireFree(ports: Ports): Promise<void> {
  const taken: string[] = [];
  for (const [name, port] of Object.entries(ports) as [string, number][]) {
    if (port !== 0 && !(await isFree(port))) taken.push(`${port} (${name})`);
  }
  if (taken.length > 0) {
    throw new Error(
      `In use by another program: port ${taken.join(", ")}. Is the system running already? End it first.`,
    );
  }
}

function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

/** A port that is free at this moment. */
export function freePort(): Promise<number> {
  return listenOnce(0);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : port);
      });
    });
  });
}
