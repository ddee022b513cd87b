import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { environmentFor } from "../../tools/environment.mjs";
import { cannotListen } from "../../tools/listen.ts";

/** Azurite is ready within a second; a busy machine is given this many milliseconds. */
const START_LIMIT = 60_000;
/** Longer than Azurite's process allows itself for saving, in milliseconds. */
const STOP_LIMIT = 10_000;

export interface AzuriteOptions {
  /** Azurite's table service alone, or blobs, queues and tables. */
  readonly services: "table" | "all";
  /**
   * As Azurite's command line takes them, beside those that are the same for all. A port of 0 is any free one, which the
   * system chooses as it opens it: one that is looked for beforehand may be somebody else's by then.
   */
  readonly args: readonly string[];
  /** Account names and keys, as the variable AZURITE_ACCOUNTS takes them. */
  readonly accounts: string;
  readonly log: (line: string) => void;
}

/** Azurite in a process of its own, which never outlives this one. */
export interface AzuriteProcess {
  readonly processId: number | undefined;
  /** Of the table service; or of blobs, queues and tables, in this order. */
  readonly ports: readonly number[];
  /** Says so when it ends by itself. */
  readonly died: Promise<string>;
  /** Saves and ends; bounded. */
  stop(): Promise<void>;
}

/** @throws Error when Azurite does not start, with what it said last, or that a port is taken */
export async function startAzurite(options: AzuriteOptions): Promise<AzuriteProcess> {
  const entry = options.services === "all" ? "azurite.js" : `${options.services}/main.js`;
  // The client library may speak a newer API version than Azurite knows; the operations used here are the same.
  const everywhere = ["--silent", "--disableTelemetry", "--skipApiVersionCheck", "--disableProductStyleUrl"];
  const child = fork(new URL("azurite-process.ts", import.meta.url), [entry, ...options.args, ...everywhere], {
    env: { ...environmentFor(), AZURITE_ACCOUNTS: options.accounts },
    execArgv: [],
    // A process group of its own: Ctrl+C is for us alone, so that storage can outlast the apps that still write to it.
    detached: true,
    windowsHide: true,
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let stopping = false;
  let said = "";
  const exited = once(child, "exit");
  const died = new Promise<string>((resolve) => {
    child.once("exit", (code, signal) => {
      if (stopping) return;
      const what = `Azurite ended by itself (${String(signal ?? code)})`;
      options.log(what);
      resolve(what);
    });
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    said = text.trim();
    options.log(`Azurite: ${said}`);
  });

  const stop = async (): Promise<void> => {
    stopping = true;
    if (child.connected) child.disconnect();
    const kill = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT);
    await exited;
    clearTimeout(kill);
  };

  const ports = await listening(child, options.services === "all" ? 3 : 1);
  if (ports !== undefined) return { processId: child.pid, ports, died, stop };
  const ended = child.exitCode !== null || child.signalCode !== null;
  await stop();
  const [, cause, port] = /listen (E[A-Z]+)\b.* \S+:(\d+)/.exec(said) ?? [];
  if (cause !== undefined) throw new Error(cannotListen(cause, `${port ?? ""} (storage)`));
  throw new Error(
    ended ? `Azurite did not start: ${said}` : `Azurite did not start within ${START_LIMIT / 1_000} seconds.`,
  );
}

/** The ports of so many servers, once all of them listen; undefined when the process ends before, or takes too long. */
async function listening(child: ChildProcess, servers: number): Promise<readonly number[] | undefined> {
  const ports: number[] = [];
  return await new Promise((resolve) => {
    const timer = setTimeout(resolve, START_LIMIT, undefined);
    const settle = (result: readonly number[] | undefined): void => {
      clearTimeout(timer);
      resolve(result);
    };
    child.on("message", (port) => {
      if (ports.push(Number(port)) === servers) settle(ports);
    });
    // After "exit" the last of what the process said may still be on its way; after "close" it is here.
    child.once("close", () => {
      settle(undefined);
    });
  });
}
