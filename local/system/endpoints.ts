/** `endpoints.json`: the addresses and ids of a running local system, for any client. */
import { firstCall, type ServiceName } from "@restricted-calls/shared/access-policy";
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { accessPolicy } from "../../tools/access-policy.ts";
import type { Commit } from "../../tools/commit.ts";
import { writeFile } from "../../tools/write-file.ts";
import type { LocalEntra } from "../entra/local-entra.ts";

/** This checkout: the folder that holds the whole repository. */
const root = join(import.meta.dirname, "..", "..");

/**
 * The addresses and ids of a running local system. Addresses are origins without trailing slash, except
 * `control` and `managedIdentityEndpoint`, which are full URLs; `caFile` is absolute. `caller`, `callee` and `api` are those of the
 * access policy's first call, for clients that need one call only.
 */
export interface Endpoints {
  /** Where the caller's app listens. */
  readonly caller: string;
  /** The addresses of the callee's front end, by the network that a request comes from. */
  readonly callee: { readonly callerSubnet: string; readonly otherSubnet: string; readonly internet: string };
  /** The front end of each service that others may call, by service. */
  readonly frontEnds: Readonly<Record<string, FrontEndEndpoints>>;
  readonly entra: {
    readonly authority: string;
    readonly tenantId: string;
    readonly managedIdentityEndpoint: string;
    readonly identityHeader: string;
    readonly caFile: string;
    readonly control: string;
  };
  /** The callee's app registration. */
  readonly api: ApiEndpoint;
  /** The app registration of each service with roles, by service. */
  readonly apis: Readonly<Record<string, ApiEndpoint>>;
  readonly identities: Readonly<Record<string, IdentityEndpoint>>;
  readonly host: "func" | "embedded";
  /** Where each app listens behind its front end, by service name. */
  readonly apps: Readonly<Record<string, string>>;
  /** The code and the process of the system: with them, a reader of the file knows whether the system still runs. */
  readonly run: {
    readonly processId: number;
    /** Absolute path of the repository's folder. */
    readonly checkout: string;
    /** At the start; null where the folder is no git checkout. */
    readonly commit: Commit | null;
  };
}

/** The addresses of a front end, by the network that a request comes from. */
export interface FrontEndEndpoints {
  /** From the network of each service and external caller that may call this one, by caller. */
  readonly from: Readonly<Record<string, string>>;
  readonly otherSubnet: string;
  readonly internet: string;
}

export interface ApiEndpoint {
  readonly clientId: string;
  readonly identifierUri: string;
}

export interface IdentityEndpoint {
  readonly clientId: string;
  readonly principalId: string;
  /** App registrations only: their credentials. */
  readonly clientSecret?: string;
  /** Absolute path of a PEM file. */
  readonly clientCertificateFile?: string;
}

/**
 * Reads the `endpoints.json` of a folder. Ignores a file of another checkout, of a process that has ended, and one at whose
 * addresses another system responds.
 *
 * @param folder where a running system writes `endpoints.json`
 * @param note gets one line that says why a file was ignored
 * @param checkout the repository's folder; this one by default
 */
export async function runningEndpoints(
  folder: string,
  note: (line: string) => void,
  checkout = root,
): Promise<Endpoints | undefined> {
  const file = join(folder, "endpoints.json");
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const found = parsed(text);
  const reason = found === undefined ? "is not of this version" : await notRunning(found, checkout);
  if (reason === undefined) return found;
  note(`Ignored: ${file} ${reason}.`);
  return undefined;
}

function parsed(text: string): Endpoints | undefined {
  try {
    const found = JSON.parse(text) as Partial<Endpoints>;
    return found.run === undefined || found.frontEnds === undefined ? undefined : (found as Endpoints);
  } catch {
    return undefined;
  }
}

async function notRunning({ run, entra }: Endpoints, checkout: string): Promise<string | undefined> {
  if (run.checkout !== checkout) return `is of another checkout, ${run.checkout}`;
  if (!isAlive(run.processId)) return `is left from process ${run.processId}, which has ended`;
  // The secret is new at each start: another system at the same address returns 401.
  const response = await fetch(entra.managedIdentityEndpoint, {
    headers: { "X-IDENTITY-HEADER": entra.identityHeader },
  }).catch(() => undefined);
  if (response === undefined) return `names ${entra.managedIdentityEndpoint}, where nothing answers`;
  return response.status === 401 ? `names ${entra.managedIdentityEndpoint}, where another system answers` : undefined;
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0); // Sends nothing.
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // A process of another user.
  }
}

/**
 * The endpoints of a system, apart from what says who runs it.
 *
 * @throws Error if the access policy lets no service call another one
 */
export function endpointsOf(
  host: Endpoints["host"],
  appPorts: Readonly<Record<ServiceName, number>>,
  frontEnds: Endpoints["frontEnds"],
  entra: LocalEntra,
  { caFile, clientCertificateFiles }: { caFile: string; clientCertificateFiles: Readonly<Record<string, string>> },
): Omit<Endpoints, "run"> {
  const apis = Object.fromEntries(
    entra.directory.apis.map(({ service, clientId, identifierUri }) => [service, { clientId, identifierUri }]),
  );
  const { caller = "", callee = "" } = firstCall(accessPolicy) ?? {};
  const [api, frontEnd] = [apis[callee], frontEnds[callee]];
  if (api === undefined || frontEnd === undefined) {
    throw new Error("The access policy lets no service call another one: add callers in shared/access-policy.json.");
  }
  const { from, otherSubnet, internet } = frontEnd;
  const { authority, tenantId, managedIdentityEndpoint, identityHeader, control } = entra;
  const addresses = Object.fromEntries(
    Object.entries(appPorts).map(([app, port]) => [app, `http://127.0.0.1:${port}`]),
  );
  return {
    caller: addresses[caller] ?? "",
    callee: { callerSubnet: from[caller] ?? "", otherSubnet, internet },
    frontEnds,
    entra: { authority, tenantId, managedIdentityEndpoint, identityHeader, caFile, control },
    api,
    apis,
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

/** Writes a JSON file atomically. Only this user can read it: it may contain a local secret. */
export async function writePrivateJson(file: string, content: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}`;
  try {
    await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
    await rename(temporary, file);
  } finally {
    await rm(temporary, { force: true });
  }
}
