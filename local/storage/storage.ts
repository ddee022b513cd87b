import { type ChildProcess, fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Azurite is ready within a second; a busy machine is given this many milliseconds. */
const START_LIMIT = 30_000;
/** Longer than Azurite's process allows itself for saving, in milliseconds. */
const STOP_LIMIT = 10_000;

export interface StorageOptions {
  /** Where the tables are kept, from one start to the next. One running storage at a time. */
  readonly folder: string;
  /** PEM files of a certificate for 127.0.0.1 that the clients trust. */
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  /** Names of the storage accounts: 3 to 24 lower-case letters and digits. */
  readonly accounts: readonly string[];
  /** 0, or none given, is any free port. */
  readonly port?: number;
  readonly log: (line: string) => void;
}

export interface Storage {
  readonly port: number;
  /** The process that holds the port. */
  readonly processId: number | undefined;
  /** The table endpoint of an account, without a trailing slash. */
  endpoint(account: string): string;
  /** Saves and ends; bounded. */
  stop(): Promise<void>;
}

/**
 * Starts Azurite's table service over HTTPS on 127.0.0.1, in a process that never outlives this one, and waits until it
 * listens. It takes Entra ID tokens only: the accounts' keys are random and nobody keeps them.
 *
 * Azurite (`--oauth basic`) accepts a bearer token over HTTPS when
 * - `iss` begins with `https://sts.windows.net/` (or the host of a national cloud): a v1.0 token;
 * - `aud` is `https://storage.azure.com` or the account's own `https://{account}.table.core.windows.net` (or that of a
 *   national cloud), each with or without a trailing slash, or `e406a681-f3d4-42a8-90b6-c2b029497af1`;
 * - `iat`, `nbf` and `exp` are there, and the time is between the last two, without any leeway.
 *
 * It checks neither signature nor role. Source: `table/authentication/TableTokenAuthenticator` of Azurite 3.37.
 *
 * @throws Error when the port is taken or Azurite does not start.
 */
export async function startStorage(options: StorageOptions): Promise<Storage> {
  const port = await freePort(options.port ?? 0);
  await mkdir(options.folder, { recursive: true });

  const child = fork(new URL("azurite-process.ts", import.meta.url), azuriteArguments(options, port), {
    env: { ...process.env, AZURITE_ACCOUNTS: accountsWithRandomKeys(options.accounts) },
    execArgv: [],
    // A process group of its own: Ctrl+C is for us alone, so that storage can outlast the apps that still write to it.
    detached: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stopping = false;
  const exited = once(child, "exit").then(([code, signal]) => {
    if (!stopping) options.log(`Azurite ended unexpectedly (${String(signal ?? code)})`);
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    options.log(`Azurite: ${text.trimEnd()}`);
  });

  const stop = async (): Promise<void> => {
    stopping = true;
    if (child.connected) child.disconnect();
    const kill = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT);
    await exited;
    clearTimeout(kill);
  };

  if (!(await listens(port, child))) {
    await stop();
    throw new Error(
      `Azurite did not start on 127.0.0.1:${port} (waited up to ${START_LIMIT / 1_000} s); the log says why.`,
    );
  }
  return { port, processId: child.pid, endpoint: (account) => `https://127.0.0.1:${port}/${account}`, stop };
}

function azuriteArguments({ folder, certificates }: StorageOptions, port: number): string[] {
  return [
    ...["--tableHost", "127.0.0.1", "--tablePort", String(port), "--location", folder],
    ...["--oauth", "basic", "--cert", certificates.certFile, "--key", certificates.keyFile],
    // The client library may speak a newer API version than Azurite knows; the operations used here are the same.
    ...["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--disableProductStyleUrl"],
  ];
}

function accountsWithRandomKeys(accounts: readonly string[]): string {
  const unfit = accounts.find((account) => !/^[a-z0-9]{3,24}$/.test(account));
  if (unfit !== undefined || accounts.length === 0) {
    throw new Error(`Storage account name "${unfit ?? ""}": expected 3 to 24 lower-case letters and digits.`);
  }
  return accounts.map((account) => `${account}:${randomBytes(64).toString("base64")}`).join(";");
}

/** Azurite cannot say which port it was given, so a free one is found for it; a taken one is found out here. */
async function freePort(port: number): Promise<number> {
  const server = createServer().listen(port, "127.0.0.1");
  await once(server, "listening").catch((error: unknown) => {
    const taken = (error as NodeJS.ErrnoException).code === "EADDRINUSE";
    const reason = taken ? "the port is taken; choose another" : String(error);
    throw new Error(`Storage cannot listen on 127.0.0.1:${port}: ${reason}.`, { cause: error });
  });
  const free = (server.address() as AddressInfo).port;
  await once(server.close(), "close");
  return free;
}

/** Asks the port: what Azurite logs when it is ready is no contract. */
async function listens(port: number, child: ChildProcess): Promise<boolean> {
  const deadline = Date.now() + START_LIMIT;
  while (child.exitCode === null && child.signalCode === null && Date.now() < deadline) {
    if (await accepts(port)) return true;
    await sleep(50);
  }
  return false;
}

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
