/** `npm start` as a command, in copies of this repository: two of them side by side, and what ends one of them. */
import { execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Endpoints, runningEndpoints } from "../system/endpoints.ts";
import { freePort } from "../system/ports.ts";
import { defaultPorts, FIRST_PORT } from "../system/ports.ts";
import { whatToTry } from "../demo/what-to-try.ts";
import { apiNames, callerNames, type ServicePolicy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { typicalOperation } from "../../tools/contracts.ts";
import { copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";

/** Milliseconds, for a machine that does much else. Windows is left out: it knows neither signals nor this PATH's `func`. */
const LIMIT_MS = 600_000;

const copies: RepositoryCopy[] = [];
const copy = (): string => {
  const made = copyRepository();
  copies.push(made);
  return made.folder;
};
let bin: string;
beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), "func-on-the-path-"));
});
afterAll(async () => {
  for (const made of copies) made.remove();
  await rm(bin, { recursive: true });
});

/** Puts a program named `func` first on the PATH. */
async function funcThat(script: string): Promise<NodeJS.ProcessEnv> {
  await writeFile(join(bin, "func"), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, "func"), 0o755);
  return { ...process.env, PATH: `${bin}${delimiter}${process.env["PATH"] ?? ""}` };
}

function start(folder: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
  const main = join(folder, "local", "commands", "start.ts");
  const child = spawn(process.execPath, [main, ...args], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, "close").then(([code]) => code as number | null);
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await ended;
  });
  const until = async (text: string): Promise<void> => {
    const isOver = ended.then(() => true);
    while (!output.includes(text)) {
      if (await Promise.race([isOver, delay(200, false)])) throw new Error(`It ended: ${output}${errors}`);
    }
  };
  return { child, ended, until, output: () => output, errors: () => errors };
}

const endpointsFile = (folder: string): string => join(folder, ".local", "endpoints.json");
const RUNNING = "Ctrl-C stops everything.";

describe.skipIf(process.platform === "win32")("npm start", () => {
  test(
    "runs in two clones side by side, each on ports of its own, until Ctrl-C or the end of its reader",
    async () => {
      const [one, other] = [copy(), copy()];
      const first = await freePort();
      const [a, b] = [start(one, ["--port", String(first)]), start(other, ["--free-ports"])];
      await Promise.all([a.until(RUNNING), b.until(RUNNING)]);
      const found = JSON.parse(await readFile(endpointsFile(one), "utf8")) as Endpoints;
      const portOf = (address: string): number => Number(new URL(address).port);
      expect(portOf(found.caller)).toBe(first);
      for (const origin of ["callerSubnet", "otherSubnet", "internet"] as const) {
        expect(portOf(found.callee[origin]) - first).toBe(defaultPorts[origin] - FIRST_PORT);
      }
      expect(portOf(found.entra.authority) - first).toBe(defaultPorts.entra - FIRST_PORT);
      expect(found.run).toEqual({ processId: a.child.pid, checkout: one, commit: null });

      // What each prints works as it stands; the list of the callee's functions has the address that callers use.
      for (const { output } of [a, b]) {
        const commands = output().split(RUNNING)[0]?.split("Try:")[1]?.replaceAll("\n  ", "\n") ?? "";
        const { stdout } = await promisify(execFile)("sh", ["-c", commands]);
        const codes = stdout.match(/(?<=HTTP\/1\.1 )\d+/g) ?? [];
        // The commands of the services, and a call with and without its token, and from the internet.
        expect(codes.length).toBeGreaterThan(3);
        expect(codes.slice(0, -2).filter((code) => Number(code) >= 400)).toEqual([]);
        expect(codes.slice(-2)).toEqual(["401", "403"]);
      }
      const [api = ""] = apiNames(accessPolicy);
      const { method, route } = typicalOperation(api);
      expect(a.output()).toContain(`[${method}] ${found.callee.callerSubnet}${route}`);

      const ignored: string[] = [];
      expect(await runningEndpoints(join(one, ".local"), (line) => ignored.push(line))).toBeUndefined();
      expect(ignored.join()).toContain(`is of another checkout, ${one}`);
      const second = start(one, ["--free-ports"]);
      expect(await second.ended).toBe(1);
      expect(second.errors()).toMatch(/^The system of this folder runs already: process \d+/);

      b.child.kill("SIGINT");
      a.child.stdout.destroy();
      a.child.stderr.destroy();
      await fetch(`${found.caller}/api/none`); // Its line of log finds nobody to read it.
      expect([await a.ended, await b.ended]).toEqual([141, 130]);
      expect(a.errors()).toBe("");
      for (const folder of [one, other]) expect(existsSync(endpointsFile(folder))).toBe(false);
    },
    LIMIT_MS,
  );

  test(
    "says so and ends, when Core Tools or storage end by themselves",
    async () => {
      const folder = copy();
      const standIn = join(folder, "local", "test", "fixtures", "func", "func.ts");
      const behaviour = join(bin, "behaviour.json");
      await writeFile(behaviour, "{}");
      const env = await funcThat(`exec "${process.execPath}" "${standIn}" --behaviour "${behaviour}" "$@"`);
      const kill = {
        "func start of callee-func": (output: string) => /callee-func +stand-in (\d+) in/.exec(output)?.[1],
        Azurite: () =>
          execFileSync("ps", ["-eo", "pid,args"], { encoding: "utf8" })
            .split("\n")
            .find((line) => line.includes("azurite-process") && line.includes(join(folder, ".local", "storage")))
            ?.trim()
            .split(" ")[0],
      };
      for (const [what, processId] of Object.entries(kill)) {
        const system = start(folder, ["--host", "func", "--free-ports"], env);
        await system.until(RUNNING);
        process.kill(Number(processId(system.output())), "SIGKILL");
        expect(await system.ended).toBe(1);
        expect(system.errors()).toMatch(new RegExp(`^${what} ended by itself`, "m"));
        expect(system.output()).toMatch(/Stopped\.\n$/);
        expect(existsSync(endpointsFile(folder))).toBe(false);
      }
    },
    LIMIT_MS,
  );
});

describe.skipIf(process.platform === "win32")("npm start -- --once", () => {
  test(
    "shows what a start that failed has logged, and the reason last",
    async () => {
      const env = await funcThat(`[ "$1" = --version ] && echo 4.9.9 && exit\necho "no such thing here"\nexit 3`);
      const { ended, errors } = start(copy(), ["--once", "--host", "func"], env);
      expect(await ended).toBe(1);
      expect(errors()).toMatch(/^(caller|callee)-func: no such thing here$/m);
      expect(errors().trimEnd().split("\n").at(-1)).toMatch(/^func start ended with exit code 3/);
    },
    LIMIT_MS,
  );

  test(
    "has the outcomes that were not the expected ones as its last lines",
    async () => {
      const folder = copy();
      const show = '(demo) => demo.show("a thing", "201", () => Promise.resolve("200"))';
      const [caller = ""] = callerNames(accessPolicy);
      await change(join(folder, caller, "contract.ts"), "} satisfies", `  show: ${show},\n} satisfies`);
      const { ended, errors } = start(folder, ["--once"]);
      expect(await ended).toBe(1);
      const [before, last] = errors().trimEnd().split("\n").slice(-2);
      expect(before).toBe("Not every outcome was the expected one:");
      expect(last).toMatch(/FAIL a thing +200 +\(expected: 201\)$/);
    },
    LIMIT_MS,
  );

  test(
    "goes well where the access policy grants the caller every role",
    async () => {
      const folder = copy();
      for (const { roles, callers } of Object.values<ServicePolicy>(accessPolicy.services)) {
        for (const granted of Object.values(callers)) {
          const [some, all] = [granted, Object.keys(roles)].map((names) => names.map((name) => `"${name}"`).join(", "));
          await change(join(folder, "shared", "access-policy.json"), `[${some ?? ""}]`, `[${all ?? ""}]`);
        }
      }
      const { ended, output } = start(folder, ["--once"]);
      expect(await ended, output()).toBe(0);
      expect(output()).toMatch(/ok {3}a role that is not granted +403 by the application layer: role-missing/);
    },
    LIMIT_MS,
  );
});

test("every app is in the list of addresses", () => {
  const callee = { callerSubnet: "", otherSubnet: "", internet: "" };
  const entra = {
    authority: "",
    tenantId: "",
    managedIdentityEndpoint: "",
    identityHeader: "",
    caFile: "",
    control: "",
  };
  const run = { processId: 1, checkout: "", commit: null };
  const api = { clientId: "", identifierUri: "" };
  const apps = { "caller-func": "", "callee-func": "", "audit-func": "http://127.0.0.1:7073" };
  const endpoints: Endpoints = {
    caller: "",
    callee,
    frontEnds: {},
    entra,
    api,
    apis: {},
    identities: {},
    host: "embedded",
    apps,
    run,
  };
  const shown = whatToTry(endpoints, "", { withApps: true, inspectPort: undefined, isWatching: false });
  expect(shown).toContain("All 3 apps are running");
  expect(shown).toMatch(/^ {2}audit-func +http:\/\/127\.0\.0\.1:7073$/m);
});

async function change(file: string, from: string, to: string): Promise<void> {
  const text = readFileSync(file, "utf8");
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
}
