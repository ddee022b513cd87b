/**
 * Our side of running under Core Tools: what starts them, waits for them and ends them. `func` is a stand-in here
 * (fixtures/func/func.ts says what it does), since Core Tools cannot be installed everywhere.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { typicalOperation } from "../../tools/contracts.ts";
import { requireCoreTools, startFuncHost } from "../system/core-tools.ts";
import { mintToken } from "../entra/client.ts";
import { freePort } from "../system/ports.ts";
import { startTestSystem } from "../system/test-system.ts";
import type { Behaviour } from "./fixtures/func/func.ts";
import { isAlive, lineLike, SAY_PID, stage } from "./host-fixture.ts";

const root = join(import.meta.dirname, "..", "..");
const standIn = join(import.meta.dirname, "fixtures", "func", "func.ts");
const path = process.env["PATH"] ?? "";
const LONG = { timeout: 60_000 };
let bin: string;

beforeAll(async () => {
  bin = await mkdtemp(join(tmpdir(), "func-on-the-path-"));
  await writeFile(behaviourFile(), "{}");
  const node = process.execPath;
  if (process.platform === "win32")
    await writeFile(join(bin, "func.cmd"), `@"${node}" "${standIn}" --behaviour "${behaviourFile()}" %*\r\n`);
  else {
    await writeFile(
      join(bin, "func"),
      `#!/bin/sh\nexec "${node}" "${standIn}" --behaviour "${behaviourFile()}" "$@"\n`,
    );
    await chmod(join(bin, "func"), 0o755);
  }
  vi.stubEnv("PATH", `${bin}${delimiter}${path}`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(bin, { recursive: true });
});

const behaviourFile = (): string => join(bin, "behaviour.json");

/** For one test. By a file: no variable that Core Tools do not need reaches them. */
async function behave(behaviour: Behaviour): Promise<void> {
  await writeFile(behaviourFile(), JSON.stringify(behaviour));
  onTestFinished(() => writeFile(behaviourFile(), "{}"));
}

const HELLO = `${SAY_PID} app.http("hello", { handler: () => ({ body: process.env.GREETING }) });`;

async function run(source: string, inspectPort?: number) {
  const folder = await stage(source);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const [lines, port] = [[] as string[], await freePort()];
  const settings = { Values: { GREETING: "from the settings" } };
  const starting = startFuncHost({ folder, port, settings, inspectPort, log: (line) => lines.push(line) });
  onTestFinished(() => starting.then((host) => host.stop()).catch(() => undefined));
  const pids = async (): Promise<number[]> =>
    Promise.all(
      [/^stand-in/, /^worker process/].map(async (line) => Number(/\d+/.exec(await lineLike({ lines }, line)))),
    );
  return { starting, lines, pids, url: `http://127.0.0.1:${port}/api/hello` };
}

test("an app is ready when its functions can be called, and its whole process tree ends with a stop", async () => {
  const { starting, pids, url } = await run(HELLO);
  const host = await starting;
  expect(await (await fetch(url)).text()).toBe("from the settings");
  const running = await pids();
  expect(running.map(isAlive)).toEqual([true, true]);
  await host.stop();
  expect(running.map(isAlive)).toEqual([false, false]);
});

test("a setting comes from the settings, also where the developer's shell has a variable of that name", async () => {
  vi.stubEnv("GREETING", "from the shell");
  onTestFinished(() => void vi.stubEnv("GREETING", undefined));
  const { starting, lines, url } = await run(HELLO);
  await starting;
  expect(await (await fetch(url)).text()).toBe("from the settings");
  expect(lines.filter((line) => line.startsWith("Skipping"))).toEqual([]);
});

test("nothing of the developer's shell reaches Core Tools but what they need, no proxy among it", async () => {
  const own = {
    DEVELOPERS_OWN: "x",
    NODE_EXTRA_CA_CERTS: "/nowhere",
    HTTP_PROXY: "http://127.0.0.1:9",
    NO_PROXY: "a.b",
  };
  for (const [name, value] of Object.entries(own)) vi.stubEnv(name, value);
  onTestFinished(() => {
    for (const name of Object.keys(own)) vi.stubEnv(name, undefined);
  });
  const { starting, lines } = await run(HELLO);
  await starting;
  const names = (await lineLike({ lines }, /^environment: /)).split(" ");
  expect(names).toContain("PATH");
  expect(names.filter((name) => /DEVELOPERS|NODE_|HTTP_PROXY|VITEST/.test(name))).toEqual([]);
  const noProxy = "127.0.0.1,localhost,::1,[::1]";
  expect(await lineLike({ lines }, /^NO_PROXY: /)).toBe(`NO_PROXY: ${noProxy}; no_proxy: ${noProxy}`);
});

test("Core Tools that do not heed a request to end are killed, with their worker", async () => {
  await behave({ isStubborn: true });
  const { starting, pids } = await run(HELLO);
  const host = await starting;
  const running = await pids();
  await host.stop();
  await expect.poll(() => running.map(isAlive), { timeout: 10_000 }).toEqual([false, false]);
}, 60_000);

test("the worker gets Node's inspector", async () => {
  const inspectPort = await freePort();
  await (
    await run(HELLO, inspectPort)
  ).starting;
  const [target] = (await (await fetch(`http://127.0.0.1:${inspectPort}/json/list`)).json()) as { title: string }[];
  expect(target?.title).toContain("worker");
});

describe("what does not start says so, and leaves nothing behind:", () => {
  test("Core Tools that end", async () => {
    await behave({ fails: true });
    await expect((await run(HELLO)).starting).rejects.toThrow("func start ended with exit code 3");
  });

  test("an app that registers no function", async () => {
    const { starting, pids } = await run(SAY_PID);
    await expect(starting).rejects.toThrow("the app registered no function");
    expect((await pids()).map(isAlive)).toEqual([false, false]);
  });

  test.each([
    ["none", "", "not installed here"],
    ["an old version", "3.0.1", "4 are needed, and this is 3.0.1"],
  ])("Core Tools that are missing: %s", async (_name, version, message) => {
    await behave({ version });
    await expect(requireCoreTools()).rejects.toThrow(message);
  });

  test("npm start -- --host func, where there is no func at all", async () => {
    const main = join(root, "local", "commands", "start.ts");
    const env = { ...process.env, PATH: dirname(process.execPath) };
    const child = spawn(process.execPath, [main, "--host", "func", "--once"], {
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    expect(errors).toMatch(/^Azure Functions Core Tools are not installed here.*aka\.ms\/azfunc-install.*\n$/);
    expect(code).toBe(1);
  }, 60_000);
});

test("nothing is left running when this side is killed", async () => {
  const folder = await stage(HELLO);
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const script = `
    const { startFuncHost } = await import(${JSON.stringify(new URL("../system/core-tools.ts", import.meta.url).href)});
    await startFuncHost({ folder: ${JSON.stringify(folder)}, port: ${await freePort()}, settings: { Values: {} }, log: console.log });`;
  const parent = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const lines: string[] = [];
  parent.stdout.on("data", (chunk: Buffer) => lines.push(...chunk.toString().trimEnd().split("\n")));
  const running = [await lineLike({ lines }, /^stand-in/), await lineLike({ lines }, /^worker/)].map((line) =>
    Number(/\d+/.exec(line)),
  );
  parent.kill("SIGKILL");
  await expect.poll(() => running.map(isAlive), { timeout: 15_000 }).toEqual([false, false]);
}, 60_000);

test("a whole system says which host runs it, and gives the host a storage of its own that it can write to", async () => {
  const system = await startTestSystem({ host: "func" });
  onTestFinished(() => system.stop());
  expect(system.endpoints.host).toBe("func");
  for (const app of ["caller-func", "callee-func"]) {
    expect(system.log.find((line) => line.startsWith(`${app}: host storage`))).toMatch(/host storage: (201|409)$/);
  }
}, 120_000);

test.skipIf(process.platform === "win32")(
  "the documentation's commands for an app by hand work where the shell names other certificates",
  async () => {
    const system = await startTestSystem({ withApps: false, host: "func" });
    onTestFinished(() => system.stop());
    const page = await readFile(join(root, "docs", "running-locally.md"), "utf8");
    const [commands = ""] = /^cp \.local\/callee-func[^`]*/m.exec(page) ?? [];
    const address = system.endpoints.apps["callee-func"] ?? "";
    const there = commands
      .replaceAll(".local/", `${system.folder}/`)
      .replaceAll("dist/", `${system.folder}/apps/`)
      .replace("7072", new URL(address).port);
    const token = await mintToken(system.endpoints.entra.control, {});
    const { method, sample } = typicalOperation("callee-func");
    const { path, body, status } = sample("test");
    const answer = async (script: string): Promise<number> => {
      const env = { ...process.env, NODE_EXTRA_CA_CERTS: join(root, "package.json") };
      const shell = spawn("sh", ["-c", script], { env, detached: true, stdio: "ignore" });
      const ended = once(shell, "exit");
      try {
        const headers = { Authorization: `Bearer ${token}` };
        const call = () =>
          fetch(`${system.endpoints.callee.callerSubnet}${path}`, {
            ...{ method, headers },
            ...(body && { body: JSON.stringify(body) }),
          });
        await expect
          .poll(async () => (await fetch(`${address}/api/health`).catch(() => undefined))?.ok, LONG)
          .toBe(true);
        return (await call()).status;
      } finally {
        process.kill(-(shell.pid ?? 0), "SIGKILL");
        await ended;
      }
    };
    expect(await answer(there)).toBe(status);
    expect(await answer(there.replace("env -u NODE_EXTRA_CA_CERTS", "")), "what the page warns of").toBe(503);
  },
  180_000,
);

test("npm start -- --host func --once shows the main job", async () => {
  const main = join(root, "local", "commands", "start.ts");
  const child = spawn(process.execPath, [main, "--host", "func", "--once"], { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  expect(output).toContain("Every outcome was the expected one.");
  expect(code).toBe(0);
}, 180_000);
