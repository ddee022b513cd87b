import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apps } from "../../build.ts";
import { granted } from "../start/business.ts";
import type { Endpoints } from "../start/endpoints.ts";
import { defaultPorts, freePorts, startSystem } from "../start/system.ts";
import { startTestSystem, type TestSystem } from "../testing/test-system.ts";

const root = join(import.meta.dirname, "..", "..");

/** Runs `npm start -- <args>` as npm would, and gives what it printed. */
function npmStart(...args: string[]): Promise<{ code: number | null; output: string }> {
  const { FORCE_COLOR: _, ...env } = process.env;
  const child = spawn(process.execPath, [join(root, "local", "start", "main.ts"), ...args], { cwd: root, env });
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
    const statusOf = async (door: string, headers = {}): Promise<number> =>
      (await fetch(`${door}${granted.path}`, { headers })).status;
    const headers = { Authorization: `Bearer ${access_token}` };
    expect(await statusOf(endpoints.callee.callerSubnet, headers)).toBe(200);
    expect(await statusOf(endpoints.callee.callerSubnet)).toBe(401);
    expect(await statusOf(endpoints.callee.otherSubnet, headers)).toBe(403);
    expect(await statusOf(endpoints.callee.internet, headers)).toBe(403);
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
});

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
    await expect(start({ ports: { ...freePorts, caller, entra } })).rejects.toThrow(
      `In use by another program: port ${caller} (caller), ${entra} (entra).`,
    );
    first.close();
    second.close();
  });

  test("a folder that cannot be written", async () => {
    await writeFile(join(folder, "a-file"), "");
    await expect(start({ folder: join(folder, "a-file") })).rejects.toThrow(/a-file cannot be written/);
  });
});

test("the ports of npm start are all different", () => {
  expect(new Set(Object.values(defaultPorts)).size).toBe(Object.keys(defaultPorts).length);
});
