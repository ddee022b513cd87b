/** Ctrl-C while the probe exists: the first one removes it, the second one says what is left. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";

const there = new Set<string>();
/** Whether Resource Manager never ends a removal. */
let isStuck = false;
let server: Server;
let endpoint: string;
beforeAll(async () => {
  server = createServer(({ method = "", url = "" }, response) => {
    const path = url.replace(/\?.*$/, "");
    const answer = (status: number, body: object = {}): void => {
      response.writeHead(status, { "content-type": "application/json", "retry-after": "1" });
      response.end(JSON.stringify(body));
    };
    if (method === "PUT") there.add(path);
    if (method === "DELETE" && isStuck) {
      answer(409, { error: { code: "AnotherOperationInProgress" } });
      return;
    }
    if (method === "DELETE") there.delete(path);
    // The second resource is never ready.
    answer(there.has(path) ? 200 : 404, {
      properties: { provisioningState: path === "/b" ? "Creating" : "Succeeded" },
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  there.clear();
  isStuck = false;
});
afterAll(() => server.close());

/** Runs the process, with signals when it prints something. */
async function run(signals: readonly (readonly [at: string, wait: number])[]) {
  const file = join(import.meta.dirname, "deployed", "probe-process.ts");
  const child = spawn(process.execPath, [file, endpoint, "/a", "/b"], { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const left = [...signals];
  child.stderr.on("data", (chunk: Buffer) => {
    printed += chunk.toString();
    const [next] = left;
    if (next === undefined || !printed.includes(next[0])) return;
    left.shift();
    void delay(next[1]).then(() => child.kill("SIGINT"));
  });
  const [code] = (await once(child, "close")) as [number];
  return { code, printed };
}

it.skipIf(process.platform === "win32")("removes the probe at the first Ctrl-C", async () => {
  const { code, printed } = await run([["Creating /b", 100]]);
  expect({ code, left: [...there] }).toEqual({ code: 130, left: [] });
  expect(printed).toContain("Removing /b ...\nRemoving /a ...\n");
  expect(printed).not.toContain("az resource delete");
});

it.skipIf(process.platform === "win32")("says at the second one what is left, and how to remove it", async () => {
  isStuck = true;
  // Within a second, it is the same Ctrl-C, which npm passes on.
  const { code, printed } = await run([
    ["Creating /b", 100],
    ["Removing /b", 1_200],
  ]);
  expect({ code, left: [...there] }).toEqual({ code: 130, left: ["/a", "/b"] });
  expect(printed).toMatch(/The probe is still there.*\naz resource delete --ids \/b\naz resource delete --ids \/a\n$/);
});
