import { appendFile, cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Watch, watchApps } from "../system/watch.ts";
import { startTestSystem, type TestSystem } from "../system/test-system.ts";

const root = join(import.meta.dirname, "..", "..");
const apps = ["caller-func", "callee-func"] as const;

/** The apps' sources in a place of their own, where they can be changed. */
let sources: string;
let system: TestSystem;
let watch: Watch;
const log: string[] = [];

beforeAll(async () => {
  sources = await mkdtemp(join(tmpdir(), "watched-"));
  for (const folder of [...apps, "shared"]) await cp(join(root, folder), join(sources, folder), { recursive: true });
  await cp(join(root, "tsconfig.json"), join(sources, "tsconfig.json"));
  await symlink(join(root, "node_modules"), join(sources, "node_modules"), "junction");
  system = await startTestSystem();
  watch = await watchApps({
    ...{ system, apps, sources, appsFolder: join(system.folder, "apps") },
    log: (source, line) => log.push(`${source}: ${line}`),
  });
});
afterAll(async () => {
  await watch.stop();
  await system.stop();
  await rm(sources, { recursive: true });
});

const health = (): string => join(sources, "callee-func", "src", "functions", "health.ts");
const answer = async (): Promise<number> => (await fetch(`${system.endpoints.callee.callerSubnet}/api/health`)).status;
const soon = { timeout: 20_000, interval: 100 };

test("a saved change is built, and the app that has it is restarted, and no other", async () => {
  expect(await answer()).toBe(200);
  await writeFile(health(), (await readFile(health(), "utf8")).replace("status: 200", "status: 203"));
  await expect.poll(answer, soon).toBe(203);
  await expect.poll(() => log, soon).toContain("callee-func: Restarted.");
  expect(log.filter((line) => line.startsWith("caller-func"))).toEqual([]);
}, 60_000);

test("what does not build is told, and what runs goes on", async () => {
  const good = await readFile(health(), "utf8");
  await appendFile(health(), "\nthis is no TypeScript");
  await expect.poll(() => log.at(-1), soon).toContain("callee-func: Does not build");
  expect(await answer()).toBe(203);
  // A comment gives the same bundle: built, and nothing is restarted.
  const before = log.length;
  await writeFile(health(), `// Better now.\n${good}`);
  const sourceMap = join(system.folder, "apps", "callee-func", "main.js.map");
  await expect.poll(() => readFile(sourceMap, "utf8"), soon).toContain("Better now.");
  expect(await answer()).toBe(203);
  expect(log.slice(before)).toEqual([]);
}, 60_000);

test("an app that cannot start waits for the next change", async () => {
  const good = await readFile(health(), "utf8");
  await appendFile(health(), `\nthrow new Error("broken at its start");`);
  await expect.poll(() => log.at(-1), soon).toMatch(/callee-func: Does not start.*broken at its start/);
  await writeFile(health(), good.replace("status: 203", "status: 204"));
  await expect.poll(answer, soon).toBe(204);
}, 60_000);
