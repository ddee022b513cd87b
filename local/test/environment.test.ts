/** What runs here is not at the mercy of the developer's shell: what its variables may change, and what they may not. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { environmentFor } from "../../tools/environment.mjs";
import { typicalOperation } from "../../tools/contracts.ts";
import { whatToTry } from "../demo/what-to-try.ts";
import { startTestSystem } from "../system/test-system.ts";

const root = join(import.meta.dirname, "..", "..");

describe("the environment of a process that is started", () => {
  beforeEach(() => {
    for (const name of Object.keys(process.env)) if (/proxy$/i.test(name)) vi.stubEnv(name, undefined);
  });
  afterEach(() => void vi.unstubAllEnvs());

  test("has what any process needs, and nothing that it is not known to need", () => {
    for (const name of [
      "DEVELOPERS_OWN",
      "NODE_ENV",
      "NODE_OPTIONS",
      "AZURE_CLIENT_ID",
      "HTTP_PROXY",
      "npm_config_x",
    ]) {
      vi.stubEnv(name, "x");
    }
    expect(environmentFor()["PATH"]).toBe(process.env["PATH"]);
    expect(Object.entries(environmentFor()).filter(([, value]) => value === "x")).toEqual([]);
    const everything = environmentFor("command", "terminal", "internet", "dotnet", "az", "azure");
    expect(Object.keys(everything).filter((name) => everything[name] === "x")).toEqual([
      "AZURE_CLIENT_ID",
      "HTTP_PROXY",
    ]);
  });

  test.each([
    [{}, "127.0.0.1,localhost,::1,[::1]"],
    [{ NO_PROXY: "internal.example, localhost" }, "127.0.0.1,localhost,::1,[::1],internal.example"],
    [{ NO_PROXY: "a.example", no_proxy: "b.example" }, "127.0.0.1,localhost,::1,[::1],b.example,a.example"],
  ])("keeps this machine out of every proxy, beside the exceptions of %o", (variables, noProxy) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
    expect(environmentFor("internet")).toMatchObject({ NO_PROXY: noProxy, no_proxy: noProxy });
  });

  test("brings azd's hooks each parameter of the template", () => {
    const parameters = readFileSync(join(root, "infra", "main.bicepparam"), "utf8");
    const names = [...parameters.matchAll(/readEnvironmentVariable\('(\w+)'/g)].map(([, name = ""]) => name);
    for (const name of names) vi.stubEnv(name, "x");
    expect(names.length).toBeGreaterThan(10);
    expect(Object.keys(environmentFor("azure"))).toEqual(expect.arrayContaining(names));
  });
});

describe.each([
  ["a proxy", {}, true],
  ["a proxy, and Node's own switch for it", { NODE_USE_ENV_PROXY: "1" }, true],
  [
    "what npm and Node are told for another project",
    {
      NODE_ENV: "production",
      npm_config_omit: "dev",
      npm_config_ignore_scripts: "true",
      npm_config_engine_strict: "true",
    },
    false,
  ],
])("in an environment with %s", (_environment, variables, hasProxy) => {
  test.each([
    ["the main job", ["local/commands/start.ts", "--once"]],
    // By the Azure SDK, which follows the proxies without Node's switch.
    ["tests", ["node_modules/vitest/vitest.mjs", "run", "local/test/entra-managed-identity.test.ts"]],
  ])(
    "%s: passes, installs nothing again, and nothing that stays on this machine goes to the proxy",
    async (_what, script) => {
      const proxy = await startProxy();
      const names = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"].flatMap((name) => [name, name.toLowerCase()]);
      const proxies = hasProxy ? Object.fromEntries(names.map((name) => [name, proxy.url])) : {};
      const { NO_PROXY: _upper, no_proxy: _lower, ...own } = environmentFor("terminal");
      const child = spawn(process.execPath, [join(root, "tools", "run.mjs"), ...script], {
        env: { ...own, ...proxies, ...variables },
        stdio: ["ignore", "pipe", "pipe"],
      });
      onTestFinished(() => void child.kill());
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const [code] = (await once(child, "close")) as [number];
      expect(proxy.asked).toEqual([]);
      expect(code, output).toBe(0);
      expect(output).not.toContain("Installing");
    },
    240_000,
  );
});

describe.skipIf(process.platform === "win32")("in a shell with a proxy", () => {
  test("the commands that a start prints work as they are", async () => {
    const system = await startTestSystem();
    onTestFinished(() => system.stop());
    const typical = typicalOperation(system.entra.directory.firstCall.callee);
    const proxy = await startProxy();
    vi.stubEnv("http_proxy", proxy.url);
    onTestFinished(() => void vi.unstubAllEnvs());
    const text = whatToTry(system.endpoints, "", { withApps: true, inspectPort: undefined, isWatching: false });
    const [, commands = ""] = /Try:.*?\n(.*)\nCtrl-C/s.exec(text) ?? [];
    const { PATH = "" } = process.env;
    const { stdout } = await promisify(execFile)("sh", ["-c", commands], { env: { PATH, http_proxy: proxy.url } });
    expect(stdout.match(/HTTP\/1\.1 \d+/g)).toEqual(
      [201, 202, typical.sample("").status, 401, 403].map((status) => `HTTP/1.1 ${status}`),
    );
    expect(proxy.asked).toEqual([]);
  }, 120_000);
});

/** A proxy that refuses everything, and notes what it was asked for. */
async function startProxy() {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(502).end();
  });
  server.on("connect", (request, socket) => {
    asked.push(request.url ?? "");
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
