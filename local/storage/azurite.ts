import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** Azurite is ready within a second; a busy machine is given this many milliseconds. */
const START_LIMIT = 30_000;
/** Longer than Azurite's process allows itself for saving, in milliseconds. */
const STOP_LIMIT = 10_000;

export interface AzuriteOptions {
  /** Azurite's table service alone, or blobs, queues and tables. */
  readonly services: "table" | "all";
  /** As Azurite's command line takes them, beside those that are the same for all. */
  readonly args: readonly string[];
  /** Account names and keys, as the variable AZURITE_ACCOUNTS takes them. */
  readonly accounts: string;
  /** It is ready when all of these are open. */
  readonly ports: readonly number[];
  readonly log: (line: string) => void;
}

/** Azurite in a process of its own, which never outlives this one. */
export interface AzuriteProcess {
  readonly processId: number | undefined;
  /** Saves and ends; bounded. */
  stop(): Promise<void>;
}

/** @throws Error when Azurite does not start */
export async function startAzurite(options: AzuriteOptions): Promise<AzuriteProcess> {
  const entry = options.services === "all" ? "azurite.js" : `${options.services}/main.js`;
  // The client library may speak a newer API version than Azurite knows; the operations used here are the same.
  const everywhere = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--disableProductStyleUrl"];
  const child = fork(new URL("azurite-process.ts", import.meta.url), [entry, ...options.args, ...everywhere], {
    env: { ...process.env, AZURITE_ACCOUNTS: options.accounts },
    execArgv: [],
    // A process group of its own: Ctrl+C is for us alone, so that storage can outlast the apps that still write to it.
    detached: true,
    windowsHide: true,
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

  for (const port of options.ports) {
    if (await listens(port, child)) continue;
    await stop();
    throw new Error(
      `Azurite did not start on 127.0.0.1:${port} (waited up to ${START_LIMIT / 1_000} s); the log says why.`,
    );
  }
  return { processId: child.pid, stop };
}

/**
 * Azurite cannot say which port it was given, so a free one is found for it; a taken one is found out here.
 *
 * @param port 0: any
 */
export async function freePort(port: number): Promise<number> {
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
