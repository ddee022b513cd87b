import { execFile, fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { environmentFor } from "../../tools/environment.mjs";
import type { Endpoints } from "../system/endpoints.ts";
import { defaultPorts, FIRST_PORT } from "../system/ports.ts";
import type { Block } from "./docs-pages.ts";

/** A system that a copy of this repository runs, with its own code. */
export interface CopySystem {
  readonly endpoints: Endpoints;
  readonly log: readonly string[];
  stop(): Promise<void>;
}

/** Starts it, on free ports. */
export async function startCopy(folder: string): Promise<CopySystem> {
  const child = fork(join(folder, "local", "test", "serve-copy.ts"), {
    cwd: folder,
    env: environmentFor(),
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let errors = "";
  child.stderr?.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const exited = once(child, "exit");
  const said = await Promise.race([once(child, "message"), exited.then(() => undefined)]);
  if (said === undefined) throw new Error(`The copy's system did not start:\n${errors}`);
  const [{ endpoints, log }] = said as [Omit<CopySystem, "stop">];
  return {
    endpoints,
    log,
    stop: async () => {
      child.disconnect();
      await exited;
    },
  };
}

/** A command block of a page, and the output that the page shows after it; undefined where it shows none. */
export interface Command {
  readonly script: string;
  readonly output: string | undefined;
  readonly line: number;
}

/**
 * The commands of a page that call the system, in their order. Variables that an earlier one has set (`TOKEN=$(...)`) are
 * set before a later one.
 */
export function callsOf(blocks: readonly Block[]): Command[] {
  const assignments: string[] = [];
  return blocks.flatMap(({ language, text, line }, i) => {
    if (language !== "sh" || !text.includes("curl ")) return [];
    const script = [...assignments, text].join("\n");
    assignments.push(...(text.match(/^[A-Z]+=\$\(.*\)$/gm) ?? []));
    const next = blocks[i + 1];
    return [{ script, output: next?.language === "text" ? next.text : undefined, line }];
  });
}

/** Runs commands in a POSIX shell, with a running system's addresses in place of those of `npm start`. */
export async function runCommands(script: string, { caller, callee, entra }: Endpoints, further = ""): Promise<string> {
  const addresses: readonly (readonly [number, string])[] = [
    [FIRST_PORT, caller],
    [FIRST_PORT + 2, further],
    [defaultPorts.callerSubnet, callee.callerSubnet],
    [defaultPorts.otherSubnet, callee.otherSubnet],
    [defaultPorts.internet, callee.internet],
    [defaultPorts.managedIdentity, new URL(entra.control).origin],
  ];
  const there = addresses.reduce((text, [port, origin]) => text.replaceAll(`http://127.0.0.1:${port}`, origin), script);
  const { stdout, stderr } = await promisify(execFile)("sh", ["-c", there], { encoding: "utf8" });
  return `${stdout}${stderr}`.replaceAll("\r\n", "\n");
}
