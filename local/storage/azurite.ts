/** Azurite in a child process. */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { environmentFor } from "../../tools/environment.mjs";
import { cannotListen } from "../../tools/listen.ts";

/** Azurite is ready within a second; a busy machine takes longer. */
const START_LIMIT_MS = 60_000;
/** Longer than the limit that Azurite's process has for saving. */
const STOP_LIMIT_MS = 10_000;

export interface AzuriteOptions {
  /** Azurite's table service alone, or blobs, queues and tables. */
  readonly services: "table" | "all";
  /**
   * Further arguments of Azurite's command line. Port 0 takes a free one, which the operating system chooses as Azurite
   * listens: another program could take a port that was chosen earlier.
   */
  readonly args: readonly string[];
  /** Account names and keys, in the form of the variable AZURITE_ACCOUNTS. */
  readonly accounts: string;
  readonly log: (line: string) => void;
}

/** A running Azurite. Its process never outlives this one. */
export interface AzuriteProcess {
  readonly processId: number | undefined;
  /** Of the table service; or of blobs, queues and tables, in this order. */
  readonly ports: readonly number[];
  /** Resolves when it ends by itself: to one line that says so. */
  readonly died: Promise<string>;
  /** Saves and ends, within a time limit. */
  stop(): Promise<void>;
}

/** @throws Error when Azurite does not start, with its last output, or the port that is taken */
export async function startAzurite(options: AzuriteOptions): Promise<AzuriteProcess> {
  const entry = options.services === "all" ? "azurite.js" : `${options.services}/main.js`;
  // The client library may speak a newer API version than Azurite knows; the operations used here are the same.
  const common = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--disableProductStyleUrl"];
  const child = fork(new URL("azurite-process.ts", import.meta.url), [entry, ...options.args, ...common], {
    env: { ...environmentFor(), AZURITE_ACCOUNTS: options.accounts },
    execArgv: [],
    // In a process group of its own, it does not get the terminal's Ctrl-C: it must outlast the apps that write to it.
    detached: true,
    windowsHide: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stopping = false;
  let lastOutput = "";
  const exited = once(child, "exit");
  const died = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      if (stopping) return;
      const line = `Azurite ended by itself (${String(signal ?? code)})`;
      options.log(line);
      resolve(line);
    });
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    lastOutput = text.trim();
    options.log(`Azurite: ${lastOutput}`);
  });

  const stop = async (): Promise<void> => {
    stopping = true;
    if (child.connected) child.disconnect();
    const kill = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
    await exited;
    clearTimeout(kill);
  };

  const ports = await listening(child, options.services === "all" ? 3 : 1);
  if (ports !== undefined) return { processId: child.pid, ports, died, stop };
  const ended = child.exitCode !== null || child.signalCode !== null;
  await stop();
  const [, cause, port] = /listen (E[A-Z]+)\b.* \S+:(\d+)/.exec(lastOutput) ?? [];
  if (cause !== undefined) throw new Error(cannotListen(cause, `${port ?? ""} (storage)`));
  throw new Error(
    ended ? `Azurite did not start: ${lastOutput}` : `Azurite did not start within ${START_LIMIT_MS / 1_000} seconds.`,
  );
}

/** The ports of all servers, once they listen; undefined when the process ends first, or takes too long. */
async function listening(child: ChildProcess, servers: number): Promise<readonly number[] | undefined> {
  const ports: number[] = [];
  return await new Promise((resolve) => {
    const timer = setTimeout(resolve, START_LIMIT_MS, undefined);
    const settle = (result: readonly number[] | undefined): void => {
      clearTimeout(timer);
      resolve(result);
    };
    child.on("message", (port) => {
      if (ports.push(Number(port)) === servers) settle(ports);
    });
    // At "exit", the last output may not have arrived; at "close" it has.
    child.once("close", () => {
      settle(undefined);
    });
  });
}
