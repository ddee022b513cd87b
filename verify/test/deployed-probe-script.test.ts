/** The script of the probe, as the evaluated template has it, run by bash with curl against sites on this machine. */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readProbeSnapshot } from "../../infra/snapshot.ts";
import { isComplete, readLog } from "../deployed/probe/log.ts";

const RUN = "0a1b2c3d-0000-4000-8000-000000000001";
/** Texts that must not be in the log. */
const BODY = "marker-in-a-body";
const TOKEN = "marker.of.a-token";

interface Seen {
  readonly what: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

let server: Server;
let origin: string;
const seen: Seen[] = [];
beforeAll(async () => {
  server = createServer((request, response) => {
    void answer(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  const { method = "", url = "", headers } = request;
  seen.push({ what: `${method} ${url}`, headers, body });
  const path = url.replace(/\?.*$/, "");
  const [status, sent, text = BODY] = answers[path] ?? [404, {}];
  response.writeHead(status, sent).end(text);
}

const answers: Readonly<Record<string, readonly [number, Record<string, string>, string?]>> = {
  "/front-end": [403, { "x-ms-forbidden-ip": "fd00:0:1200::5" }],
  "/in-brackets": [403, { "X-Ms-Forbidden-Ip": "[fd00:0:1200::5]" }],
  "/from-outside": [403, { "x-ms-forbidden-ip": "203.0.113.9" }],
  "/no-address": [403, { "x-ms-forbidden-ip": `$(id); ${RUN} 9 200` }],
  "/app": [401, { "www-authenticate": "Bearer" }],
  "/redirect": [302, { location: "/app" }],
  "/assigned-to-nothing": [
    400,
    {},
    '{"error":"invalid_grant","error_description":"AADSTS501051: Application is not assigned"}',
  ],
  "/token": [200, {}, `{"access_token":"${TOKEN}"}`],
  "/unknown": [
    400,
    {},
    '{"error":"unauthorized_client","error_description":"AADSTS700016: Application was not found"}',
  ],
  "/nonsense": [400, {}, BODY],
};

/** @returns what the container would write to its log */
async function run(calls: readonly string[]): Promise<string> {
  seen.length = 0;
  const [command = "", ...args] = commandOfProbe();
  const child = spawn(command, args, {
    env: {
      PATH: process.env["PATH"],
      PROBE_RUN: RUN,
      PROBE_CALLS: calls.join("\n"),
      // A proxy of this machine is none of the container, and no test waits for the script's pauses.
      "BASH_FUNC_sleep%%": "() { :; }",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (log += chunk.toString()));
  const [code] = (await once(child, "close")) as [number];
  expect(code).toBe(0);
  expect(isComplete(log, RUN)).toBe(true);
  for (const text of [BODY, TOKEN]) expect(log).not.toContain(text);
  return log;
}

/** `--write-out "%header{name}"` is of curl 7.84. */
function hasCurl(): boolean {
  const { stdout } = spawnSync("/bin/bash", ["-c", "curl --version"], { encoding: "utf8" });
  const [, major = 0, minor = 0] = /^curl (\d+)\.(\d+)/.exec(stdout) ?? [];
  return Number(major) * 1000 + Number(minor) >= 7084;
}

function commandOfProbe(): readonly string[] {
  interface Container {
    readonly properties: { readonly command: readonly string[] };
  }
  const { properties } =
    readProbeSnapshot().predictedResources.find(({ type }) => type.endsWith("/containerGroups")) ?? {};
  return (properties as { containers: readonly Container[] }).containers[0]?.properties.command ?? [];
}

describe.skipIf(!hasCurl())("the script of the probe", { tags: "needs-curl" }, () => {
  it("prints for each call its status, and the address that the front end refused", async () => {
    const log = await run([
      `token ${TOKEN}`,
      `call 0 GET ${origin}/front-end bare -`,
      `call 1 GET ${origin}/in-brackets bare -`,
      `call 2 GET ${origin}/from-outside bare -`,
      `call 3 GET ${origin}/app bare -`,
      `call 4 GET ${origin}/redirect bare -`,
    ]);
    expect(Object.fromEntries(readLog(log, RUN))).toEqual({
      0: { kind: "response", status: 403, address: "fd00:0:1200::5" },
      1: { kind: "response", status: 403, address: "fd00:0:1200::5" },
      2: { kind: "response", status: 403, address: "203.0.113.9" },
      3: { kind: "response", status: 401, address: null },
      4: { kind: "response", status: 302, address: null },
    });
    expect(seen).toHaveLength(5);
  });

  it("sends method, token and body, and no token where it must not", async () => {
    const json = '{"a b": "c\\\\d", "units": 1,  "e": "$(id) `id` *"}';
    await run([
      "token first.of.two",
      `call 0 GET ${origin}/app?x=1&y=%20 bare -`,
      `call 1 PUT ${origin}/app bearer ${json}`,
      "token second.of.two",
      `call 2 POST ${origin}/app bearer -`,
    ]);
    expect(seen.map(({ what, headers: { authorization }, body }) => [what, authorization, body])).toEqual([
      ["GET /app?x=1&y=%20", undefined, ""],
      ["PUT /app", "Bearer first.of.two", json],
      ["POST /app", "Bearer second.of.two", ""],
    ]);
    expect(seen[1]?.headers["content-type"]).toBe("application/json");
  });

  it("lets a site add nothing to the log but an address", async () => {
    const log = await run([`call 0 GET ${origin}/no-address bare -`]);
    expect([...readLog(log, RUN).keys()]).toEqual([0]);
    expect(log).not.toContain("$(id)");
    expect(log).toMatch(new RegExp(`^${RUN} 0 403 at-[0-9a-f]*\n${RUN} end\n$`));
  });

  it("asks for a token, and prints only whether there is one", async () => {
    const log = await run([
      `identity 0 ${origin}/assigned-to-nothing?resource=api%3A%2F%2Ftenant%2Fname`,
      `identity 1 ${origin}/token`,
      `identity 2 ${origin}/unknown`,
      `identity 3 ${origin}/nonsense`,
    ]);
    expect(Object.fromEntries(readLog(log, RUN))).toEqual({
      0: { kind: "no-token", code: "AADSTS501051" },
      1: { kind: "token" },
      2: { kind: "no-token", code: "AADSTS700016" },
      3: { kind: "failed", exitCode: 0 },
    });
    expect(seen[0]).toMatchObject({ what: "GET /assigned-to-nothing?resource=api%3A%2F%2Ftenant%2Fname" });
    for (const { headers } of seen) expect(headers["metadata"]).toBe("true");
    // A new identity is not known at once: it asks again.
    expect(seen.filter(({ what }) => what.includes("/unknown")).length).toBeGreaterThan(1);
    expect(seen.filter(({ what }) => what.includes("/assigned"))).toHaveLength(1);
  });

  it("says so where nobody answers, and goes on", { timeout: 60_000 }, async () => {
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const { port } = closed.address() as AddressInfo;
    closed.close();
    const log = await run([`call 0 GET http://127.0.0.1:${port}/ bare -`, `call 1 GET ${origin}/app bare -`]);
    expect(Object.fromEntries(readLog(log, RUN))).toEqual({
      0: { kind: "failed", exitCode: 7 },
      1: { kind: "response", status: 401, address: null },
    });
  });
});
