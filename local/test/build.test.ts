import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { join, relative, resolve, sep } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apps, stage } from "../../build.ts";

const root = join(import.meta.dirname, "..", "..");

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "staged-"));
  await Promise.all(apps.map((app) => stage(app, join(folder, app))));
});
afterAll(() => rm(folder, { recursive: true }));

const read = (app: string, file: string): Promise<string> => readFile(join(folder, app, file), "utf8");

/** The source files that a bundle is made of, by its source map: paths in this repository. */
async function sources(app: string): Promise<string[]> {
  const { sources } = JSON.parse(await read(app, "main.js.map")) as { sources: string[] };
  // A library that was bundled itself names its sources by a scheme of its own.
  return sources
    .filter((source) => !source.startsWith("webpack:"))
    .map((source) => relative(root, resolve(folder, app, source)).replaceAll(sep, "/"));
}

describe.each(apps)("%s is staged as a folder", (app) => {
  test("of one bundle, its source map, host.json and a minimal package.json, and nothing else", async () => {
    expect((await readdir(join(folder, app))).sort()).toEqual(["host.json", "main.js", "main.js.map", "package.json"]);
    const manifest = JSON.parse(await read(app, "package.json")) as Record<string, unknown>;
    expect(manifest).toMatchObject({ main: "main.js", engines: { node: ">=22" } });
    expect(manifest).not.toHaveProperty("dependencies");
    expect(await read(app, "host.json")).toBe(await readFile(join(root, "host.json"), "utf8"));
  });

  test("that needs nothing but Node and the Functions worker", async () => {
    const bundle = await read(app, "main.js");
    const required = new Set([...bundle.matchAll(/\brequire\("([^"]+)"\)/g)].map(([, name]) => name ?? ""));
    const others = [...required].filter((name) => !builtinModules.includes(name.replace(/^node:/, "")));
    expect(others).toEqual(["@azure/functions-core"]);
  });
});

test("the caller's bundle holds no callee code, and the callee's no caller code; neither holds what only runs here", async () => {
  const roomsOf = async (app: string): Promise<string[]> =>
    [...new Set((await sources(app)).map((source) => source.split("/")[0] ?? ""))].sort();
  expect(await roomsOf("caller-func")).toEqual(["caller-func", "node_modules", "shared"]);
  expect(await roomsOf("callee-func")).toEqual(["callee-func", "node_modules", "shared"]);
  expect((await sources("caller-func")).filter((source) => source.startsWith("shared/authorization/"))).toEqual([]);
  expect((await sources("callee-func")).filter((source) => source.startsWith("shared/service-client/"))).toEqual([]);
});
