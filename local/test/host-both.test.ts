/**
 * One suite of requests, timers and stops against the embedded host and the real one, which lists every difference. It needs
 * the real host beside the checkout, and .NET.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { afterEach, describe, expect, test, vi } from "vitest";
import { appInstance, isCrash } from "../host/app-instance.ts";
import { startFuncHost } from "../system/core-tools.ts";
import { funcInstance } from "../system/func-instance.ts";
import { freePort } from "../system/ports.ts";
import { type Exchange, exchanges, limitedBodies, MASTER_KEY, ownEndpoints, send } from "./host-exchanges.ts";
import { stage, start } from "./host-fixture.ts";
import { OBSERVED_SETTINGS, ORDERLY, observeStop, observeTimers } from "./host-observed.ts";

interface Host {
  readonly port: number;
  stop(): Promise<unknown>;
}

const REAL = join(import.meta.dirname, "..", "..", "..", "shared", "functions-host");
const SETTINGS = {
  FUNCTIONS_WORKER_RUNTIME: "node",
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "1000",
  ...OBSERVED_SETTINGS,
};
const LOCKED = {
  ...SETTINGS,
  FUNCTIONS_ADMIN_ISOLATION_ENABLED: "1",
  AzureWebJobsDisableHomepage: "true",
};

const running: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of running.splice(0).reverse()) await stop();
});

describe.skipIf(!isRealHostThere())("beside the real host", { tags: "needs-real-host", timeout: 300_000 }, () => {
  test("as App Service runs it: requests, and a stop under load", async () => {
    const hosts = await both(SETTINGS, startAsAppService);
    const requests = [...exchanges, ...ownEndpoints("no key"), ...ownEndpoints("key"), ...limitedBodies("key")];
    expect(await differences(requests, hosts)).toEqual([]);
    const [embedded, real] = hosts;
    expect(await observeStop(embedded)).toEqual(ORDERLY);
    // The real host closes idle connections at once, on which a client may just be sending its next request: that alone differs.
    expect(await observeStop(real)).toMatchObject({ answers: [200] });
  });

  test("as App Service runs it, isolated and with limits", async () => {
    const hosts = await both(LOCKED, startAsAppService);
    expect(await differences([...ownEndpoints("key, isolated"), ...limitedBodies("key, isolated")], hosts)).toEqual([]);
  });

  // As App Service runs it, the host starts no timer without storage.
  test("as func start runs it: its own endpoints, and timers", async () => {
    const hosts = await both(SETTINGS, startUnderCoreTools, {});
    expect(await differences(ownEndpoints("open"), hosts)).toEqual([]);
    const [embedded, real] = await Promise.all(hosts.map(({ port }) => observeTimers(port)));
    expect(embedded).toEqual(real);
  });

  test("of both, a crash of the worker is told from the kill and the stop of an instance", async () => {
    useRealFunc();
    const source = `app.http("pid", { handler: () => ({ body: String(process.pid) }) });
      app.hook.appTerminate(() => { require("node:fs").writeFileSync(process.env.TERMINATED, ""); });`;
    for (const instanceUnder of [appInstance, funcInstance]) {
      const appFolder = await stage(source);
      const stateFolder = await mkdtemp(join(tmpdir(), "instance-"));
      for (const folder of [appFolder, stateFolder]) {
        running.push(() => rm(folder, { recursive: true, force: true }));
      }
      const [port, lines] = [await freePort(), [] as string[]];
      const TERMINATED = join(stateFolder, "terminated");
      const options = { appFolder, port, settings: { ...SETTINGS, TERMINATED }, stateFolder };
      const instance = instanceUnder(options, (line) => lines.push(line));
      running.push(() => instance.kill());
      await instance.start();
      await instance.kill();
      expect(existsSync(TERMINATED)).toBe(false);
      await instance.start();
      await instance.stop();
      expect(existsSync(TERMINATED)).toBe(true);
      expect(lines.filter(isCrash)).toEqual([]);
      await instance.start();
      process.kill(Number(await (await fetch(`http://127.0.0.1:${port}/api/pid`)).text()), "SIGKILL");
      await expect.poll(() => lines.filter(isCrash)).not.toEqual([]);
    }
  });
});

/** Where the two answer differently, or the real one not as the list says. */
async function differences(
  list: readonly Exchange[],
  [embedded, real]: readonly [Host, Host],
): Promise<readonly unknown[]> {
  const found = [];
  for (const exchange of list) {
    const answers = {
      embedded: await send(embedded.port, exchange),
      real: await send(real.port, exchange),
      listed: exchange.answer,
    };
    if (new Set(Object.values(answers).map((answer) => JSON.stringify(sorted(answer)))).size > 1) {
      found.push({ title: exchange.title, ...answers });
    }
  }
  return found;
}

function sorted(value: object): unknown {
  return Object.entries(value).sort(([one], [other]) => one.localeCompare(other));
}

async function both(
  settings: Readonly<Record<string, string>>,
  startReal: (folder: string, settings: Readonly<Record<string, string>>) => Promise<Host>,
  keys: { readonly masterKey?: string } = { masterKey: MASTER_KEY },
): Promise<readonly [Host, Host]> {
  const folder = await stage("whole-app.ts");
  running.push(() => rm(folder, { recursive: true, force: true }));
  const embedded = await start(folder, { settings, ...keys });
  running.push(() => embedded.stop());
  const real = await startReal(folder, settings);
  return [embedded, real];
}

async function startAsAppService(folder: string, settings: Readonly<Record<string, string>>): Promise<Host> {
  const scratch = await mkdtemp(join(tmpdir(), "real-host-"));
  running.push(() => rm(scratch, { recursive: true, force: true }));
  const file = join(scratch, "settings.json");
  await writeFile(file, JSON.stringify({ IsEncrypted: false, Values: settings }));
  const port = await freePort();
  const PATH = `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}`;
  const child = spawn(join(REAL, "app-service-host"), [folder, file, String(port)], {
    env: { ...process.env, PATH, TMPDIR: scratch },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const ended = once(child, "exit");
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await ended;
  };
  running.push(stop);
  const status = (): Promise<unknown> =>
    fetch(`http://127.0.0.1:${port}/admin/host/status?code=${MASTER_KEY}`)
      .then((response) => response.json())
      .catch(() => undefined);
  await expect
    .poll(status, { timeout: 120_000, interval: 200 })
    .toMatchObject({ state: "Running" })
    .catch((error: unknown) => {
      throw new Error(`The real host does not start: ${output.join("")}`, { cause: error });
    });
  return { port, stop };
}

function useRealFunc(): void {
  vi.stubEnv("PATH", [REAL, dirname(process.execPath), process.env["PATH"]].join(delimiter));
  running.push(() => Promise.resolve(vi.unstubAllEnvs()));
}

async function startUnderCoreTools(folder: string, settings: Readonly<Record<string, string>>): Promise<Host> {
  useRealFunc();
  const port = await freePort();
  const func = await startFuncHost({ folder, port, settings: { Values: settings }, log: () => undefined });
  running.push(() => func.stop());
  return { port, stop: () => func.stop() };
}

function isRealHostThere(): boolean {
  if (!existsSync(join(REAL, "app-service-host"))) return false;
  try {
    execFileSync("dotnet", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
