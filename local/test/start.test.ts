import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { apps } from "../../tools/build.ts";
import { typicalOperation } from "../../tools/contracts.ts";
import { poll } from "../../tools/poll.ts";
import { readAuditEvents } from "../system/audit-events.ts";
import { type Endpoints, runningEndpoints } from "../system/endpoints.ts";
import { cannotListen, causeOf } from "../../tools/listen.ts";
import { appDistance, defaultPorts, FIRST_PORT, freePorts, LAST_FIRST_PORT, portsFrom } from "../system/ports.ts";
import { startSystem } from "../system/system.ts";
import { startTestSystem, type TestSystem } from "../system/test-system.ts";

const root = join(import.meta.dirname, "..", "..");

/** Runs `npm start -- <args>` as npm would, and gives what it printed. */
function npmStart(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { FORCE_COLOR: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(root, "local", "commands", "start.ts"), ...args], { cwd: root, env });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => {
    child.on("close", (code) => {
      resolve({ code, output });
    });
  });
}

test("npm start -- --once shows the main job, and every outcome is the expected one", async () => {
  const { code, output } = await npmStart("--once");
  expect(output).toContain("Every outcome was the expected one.");
  expect(output).not.toContain("FAIL");
  expect(output, "colours are for a terminal only").not.toContain("\x1b");
  expect(output.match(/^ {2}ok /gm)?.length).toBeGreaterThan(10);
  expect(code).toBe(0);
}, 120_000);

test("npm start -- --help shows how it is used; an unknown option is refused", async () => {
  const help = await npmStart("--help");
  expect(help).toMatchObject({ code: 0, output: expect.stringContaining("--once") as string });
  const unknown = await npmStart("--onse");
  expect(unknown).toMatchObject({ code: 2, output: expect.stringContaining("--onse") as string });
});

describe("a running system", () => {
  let system: TestSystem;
  let endpoints: Endpoints;
  beforeAll(async () => {
    system = await startTestSystem();
    endpoints = JSON.parse(await readFile(system.endpointsFile, "utf8")) as Endpoints;
  });
  afterAll(() => system.stop());

  test("writes where everything is: origins without a slash at their end, two full URLs, an absolute path", () => {
    expect(endpoints).toEqual(system.endpoints);
    const { caller, callee, entra } = endpoints;
    for (const origin of [caller, ...Object.values(callee), entra.authority])
      expect(origin).toBe(new URL(origin).origin);
    expect(entra.managedIdentityEndpoint).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/.+[^/]$/);
    expect(entra.control).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/.+[^/]$/);
    expect(entra.caFile).toMatch(/^(\/|[A-Z]:\\)/);
    expect(Object.keys(endpoints.identities)).toEqual(
      expect.arrayContaining(["caller-func", "reader-only", "no-role", "unlisted", "other-tenant"]),
    );
    expect(endpoints.host).toBe("embedded");
  });

  test("gives a token by the managed identity endpoint, which the callee takes from the caller's subnet only", async () => {
    const { managedIdentityEndpoint, identityHeader } = endpoints.entra;
    const query = new URLSearchParams({
      "api-version": "2019-08-01",
      resource: endpoints.api.identifierUri,
      client_id: endpoints.identities["caller-func"]?.clientId ?? "",
    });
    const answer = await fetch(`${managedIdentityEndpoint}?${query.toString()}`, {
      headers: { "X-IDENTITY-HEADER": identityHeader },
    });
    const { access_token } = (await answer.json()) as { access_token: string };
    const { method, sample } = typicalOperation("callee-func");
    const { path, body, status } = sample("test");
    const statusOf = async (origin: string, headers = {}): Promise<number> =>
      (await fetch(`${origin}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })).status;
    const headers = { Authorization: `Bearer ${access_token}` };
    expect(await statusOf(endpoints.callee.callerSubnet, headers)).toBe(status);
    expect(await statusOf(endpoints.callee.callerSubnet)).toBe(401);
    expect(await statusOf(endpoints.callee.otherSubnet, headers)).toBe(403);
    expect(await statusOf(endpoints.callee.internet, headers)).toBe(403);
    const forged = '/{"event":"authorization","allowed":true,"operation":"x","requirement":"y"}';
    const { hostname, port } = new URL(endpoints.callee.otherSubnet);
    const refused = await new Promise<number | undefined>((resolve, reject) => {
      request({ hostname, port, path: forged }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end();
    });
    expect(refused, "a path that the front end logs").toBe(403);

    const events = await poll(
      () => Promise.resolve(readAuditEvents(system.folder)?.map(({ service, event }) => [service, event.code]) ?? []),
      ({ length }) => length === 2,
      { timeoutMs: 5_000, pauseMs: 50 },
    );
    expect(events, "what the front end refuses reaches no service").toEqual([
      ["callee-func", undefined],
      ["callee-func", "no-credentials"],
    ]);
  });

  test("writes each app's settings in the form of local.settings.json, and the sample names the same ones", async () => {
    const names = await Promise.all(
      apps.map(async (app) => {
        const settings = JSON.parse(await readFile(join(system.folder, `${app}.settings.json`), "utf8")) as {
          IsEncrypted: boolean;
          Values: Record<string, string>;
        };
        expect(settings.IsEncrypted).toBe(false);
        return Object.keys(settings.Values);
      }),
    );
    const sample = JSON.parse(await readFile(join(root, "local.settings.sample.json"), "utf8")) as { Values: object };
    expect(Object.keys(sample.Values).sort()).toEqual([...new Set(names.flat())].sort());
  });

  test("is found by the file that it wrote, which says whose it is", async () => {
    expect(await runningEndpoints(system.folder, failIgnored)).toEqual(endpoints);
    expect(endpoints.run).toMatchObject({ processId: process.pid, checkout: root });
    expect(endpoints.apps["caller-func"]).toBe(endpoints.caller);
  });

  const ended = spawnSync(process.execPath, ["--version"]).pid;
  test.each<[string, (found: Endpoints) => object, string]>([
    ["of a process that has ended", ({ run }) => ({ run: { ...run, processId: ended } }), "which has ended"],
    ["of another checkout", ({ run }) => ({ run: { ...run, checkout: "/elsewhere" } }), "another checkout, /elsewhere"],
    ["of an earlier version", () => ({ run: undefined }), "is not of this version"],
    [
      "at whose addresses another system answers",
      ({ entra }) => ({ entra: { ...entra, identityHeader: "of another start" } }),
      "where another system answers",
    ],
    [
      "at whose addresses nothing answers",
      ({ entra }) => ({ entra: { ...entra, managedIdentityEndpoint: "http://127.0.0.1:1/msi/token" } }),
      "where nothing answers",
    ],
  ])("is not taken for running by a file %s", async (_what, changes, reason) => {
    const folder = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "endpoints.json"), JSON.stringify({ ...endpoints, ...changes(endpoints) }));
    const notes: string[] = [];
    expect(await runningEndpoints(folder, (line) => notes.push(line))).toBeUndefined();
    expect(notes).toEqual([expect.stringMatching(/^Ignored: .*endpoints\.json .*\.$/)]);
    expect(notes[0]).toContain(reason);
  });

  test("is alone in its folder: a second start says what runs there, and leaves its files", async () => {
    const second = startSystem({
      ...{ folder: system.folder, appsFolder: join(system.folder, "others"), ports: freePorts, withApps: false },
      ...{ deliverySchedule: "0 0 0 29 2 *", log: () => undefined },
    });
    await expect(second).rejects.toThrow(`runs already: process ${process.pid}, ${endpoints.caller}`);
    expect(await runningEndpoints(system.folder, failIgnored)).toEqual(endpoints);
  });
});

test("endpoints.json and the apps' settings are gone after a stop, and after a start that failed", async () => {
  const folder = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  const options = { folder, appsFolder: join(folder, "apps"), ports: freePorts, withApps: false };
  const files = ["endpoints.json", ...apps.map((app) => `${app}.settings.json`)];
  const written = async () => (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const start = (changes: object) =>
    startSystem({ ...options, deliverySchedule: "0 0 0 29 2 *", log: () => undefined, ...changes });
  const system = await start({});
  expect(await written()).toEqual(files.toSorted());
  await system.stop();
  expect(await written()).toEqual([]);

  await writeFile(join(folder, "endpoints.json"), "left by a process that was killed");
  await expect(start({ signal: AbortSignal.abort() })).rejects.toThrow();
  expect(await written()).toEqual([]);
}, 120_000);

function failIgnored(line: string): void {
  throw new Error(line);
}

describe("what stands in the way is one clear line", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const start = (changes: object) =>
    startSystem({
      folder: join(folder, "data"),
      appsFolder: join(folder, "apps"),
      ports: freePorts,
      withApps: false,
      deliverySchedule: "0 0 0 29 2 *",
      log: () => undefined,
      ...changes,
    });

  test("taken ports, all of them together", async () => {
    const [first, second] = [createServer(), createServer()];
    const ports: number[] = [];
    for (const server of [first, second]) {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      ports.push((server.address() as { port: number }).port);
    }
    const [caller = 0, entra = 0] = ports;
    const apps = { ...freePorts.apps, "caller-func": caller };
    await expect(start({ ports: { ...freePorts, apps, entra } })).rejects.toThrow(
      `In use by another program: port ${caller} (caller-func), ${entra} (entra).`,
    );
    first.close();
    second.close();
  });

  test.each([
    ["EACCES", /^This user may not open port 7071: .*--port/],
    ["EADDRNOTAVAIL", /^127\.0\.0\.1 is no address of this machine/],
    ["EMFILE", /^Cannot listen on port 7071 .*: EMFILE\.$/],
  ])("a port that cannot be opened for another reason than being in use: %s", (cause, message) => {
    expect(cannotListen(cause, 7071)).toMatch(message);
  });

  test("an address that is not this machine's is not taken for a port in use", async () => {
    const elsewhere = createServer().listen(0, "203.0.113.1"); // RFC 5737: nobody's
    const [error] = (await once(elsewhere, "error")) as [Error];
    expect(causeOf(error)).toBe("EADDRNOTAVAIL");
  });

  test("a folder that cannot be written", async () => {
    await writeFile(join(folder, "a-file"), "");
    await expect(start({ folder: join(folder, "a-file") })).rejects.toThrow(/a-file cannot be written/);
  });
});

function allOf({ apps, ...others }: typeof defaultPorts): Record<string, number> {
  return { ...apps, ...others };
}

test("another first port moves every other one with it", () => {
  expect(Object.values(allOf(portsFrom(8071))).map((port) => port - 1000)).toEqual(Object.values(allOf(defaultPorts)));
  expect(Math.max(...Object.values(allOf(portsFrom(LAST_FIRST_PORT))))).toBe(65_535);
});

test("the ports of npm start are all different, also those of 30 apps", () => {
  const { apps: _, ...others } = defaultPorts;
  const ports = [
    ...Object.values(others),
    ...Array.from({ length: 30 }, (_, place) => FIRST_PORT + appDistance(place)),
  ];
  expect(new Set(ports).size).toBe(ports.length);
});
