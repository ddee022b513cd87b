import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Commit } from "../../tools/commit.ts";
import { writeFile } from "../../tools/write-file.ts";

/** This checkout: the folder that holds the whole repository. */
const root = join(import.meta.dirname, "..", "..");

/**
 * Where everything of a running local system is, for any client. Addresses are origins without trailing slash, except
 * `control` and `managedIdentityEndpoint`, which are full URLs; `caFile` is absolute.
 */
export interface Endpoints {
  readonly caller: string;
  /** The callee's front end, by the network that a request comes from. */
  readonly callee: { readonly callerSubnet: string; readonly otherSubnet: string; readonly internet: string };
  /** The same by service, for each that may call it: from its own integration subnet. */
  readonly calleeFrom: Readonly<Record<string, string>>;
  readonly entra: {
    readonly authority: string;
    readonly tenantId: string;
    readonly managedIdentityEndpoint: string;
    readonly identityHeader: string;
    readonly caFile: string;
    readonly control: string;
  };
  readonly api: { readonly clientId: string; readonly identifierUri: string };
  readonly identities: Readonly<Record<string, IdentityEndpoint>>;
  readonly host: "func" | "embedded";
  /** Where each app itself listens, by service name: behind the front ends. */
  readonly apps: Readonly<Record<string, string>>;
  /** Which code this is, and whose process: whoever finds the file can tell a running system from one that has ended. */
  readonly run: {
    readonly processId: number;
    /** Absolute path of the repository's folder. */
    readonly checkout: string;
    /** At the start; null where the folder is no git checkout. */
    readonly commit: Commit | null;
  };
}

export interface IdentityEndpoint {
  readonly clientId: string;
  readonly principalId: string;
  /** App registrations only: what they may prove who they are with. */
  readonly clientSecret?: string;
  /** Absolute path of a PEM file. */
  readonly clientCertificateFile?: string;
}

/**
 * The running system of a folder, by its `endpoints.json`: written by this checkout, by a process that is alive, and with
 * addresses at which that very system answers.
 *
 * @param folder where a running system writes `endpoints.json`
 * @param note is told, in one line, why a file that is there is ignored
 * @param checkout the repository's folder; this one where none is named
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
    const { run, ...others } = JSON.parse(text) as Partial<Endpoints>;
    return run === undefined ? undefined : ({ ...others, run } as Endpoints);
  } catch {
    return undefined;
  }
}

async function notRunning({ run, entra }: Endpoints, checkout: string): Promise<string | undefined> {
  if (run.checkout !== checkout) return `is of another checkout, ${run.checkout}`;
  if (!isAlive(run.processId)) return `is left from process ${run.processId}, which has ended`;
  // The secret is new at each start: another system at the same address answers 401.
  const answer = await fetch(entra.managedIdentityEndpoint, {
    headers: { "X-IDENTITY-HEADER": entra.identityHeader },
  }).catch(() => undefined);
  if (answer === undefined) return `names ${entra.managedIdentityEndpoint}, where nothing answers`;
  return answer.status === 401 ? `names ${entra.managedIdentityEndpoint}, where another system answers` : undefined;
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0); // Sends nothing.
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM"; // Somebody else's process.
  }
}

/** Writes a JSON file whole or not at all, readable by this user only: it may hold a local secret. */
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
