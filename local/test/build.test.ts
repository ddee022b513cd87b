import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve, sep } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Plugin } from "esbuild";
import { apps, contentsOf, entryPointOf, stage } from "../../build.ts";

const root = join(import.meta.dirname, "..", "..");

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "staged-"));
  await Promise.all(apps.map((app) => stage(app, join(folder, app))));
}, 180_000);
afterAll(() => rm(folder, { recursive: true }));

const read = (app: string, file: string): Promise<string> => readFile(join(folder, app, file), "utf8");

/** All files of a bundle, or their source maps. */
const files = (app: string, extension: ".js" | ".js.map"): string[] =>
  readdirSync(join(folder, app), { encoding: "utf8", recursive: true }).filter((file) => file.endsWith(extension));

/** The source files that a bundle is made of, by its source maps: paths in this repository. */
async function sources(app: string): Promise<string[]> {
  const all: string[] = [];
  for (const file of files(app, ".js.map")) {
    const { sources } = JSON.parse(await read(app, file)) as { sources: string[] };
    // A library that was bundled itself names its sources by a scheme of its own; what esbuild adds has no source.
    const named = sources.filter((source) => !source.startsWith("webpack:") && source.includes("/"));
    all.push(
      // URLs, relative to the map: https://tc39.es/ecma426/#sec-source-map-format
      ...named.map((source) =>
        relative(root, resolve(folder, app, dirname(file), decodeURIComponent(source))).replaceAll(sep, "/"),
      ),
    );
  }
  return all;
}

describe.each(apps)("%s is staged as a folder", (app) => {
  test("of the bundle, its source maps, its entry point, host.json and a minimal package.json, and nothing else", async () => {
    const main = await entryPointOf(app);
    const names = ["host.json", "main.js", "main.js.map", "on-demand", main, "package.json"];
    expect((await readdir(join(folder, app))).sort()).toEqual(names);
    expect((await readdir(join(folder, app, "on-demand"))).filter((file) => !/\.js(\.map)?$/.test(file))).toEqual([]);
    const manifest = JSON.parse(await read(app, "package.json")) as Record<string, unknown>;
    expect(manifest).toMatchObject({ main, engines: { node: ">=22" } });
    expect(manifest).not.toHaveProperty("dependencies");
    expect(await read(app, "host.json")).toBe(await readFile(join(root, "host.json"), "utf8"));
  });

  test("that needs nothing but Node and the Functions worker", async () => {
    const required = new Set<string>();
    for (const file of files(app, ".js")) {
      for (const [, name = ""] of (await read(app, file)).matchAll(/require\)?\("([^"]+)"\)/g)) required.add(name);
    }
    const others = [...required].filter((name) => !builtinModules.includes(name.replace(/^node:/, "")));
    expect(others.filter((name) => !/^\.\/.*\.js$/.test(name))).toEqual(["@azure/functions-core"]);
  });
});

/** A Node that is too old for the bundles, where the machine has one beside ours. */
const oldNode = (process.env["PATH"] ?? "")
  .split(delimiter)
  .map((bin) => join(bin, "node"))
  .find(
    (node) => existsSync(node) && /^v(1\d|2[01])\./.test(spawnSync(node, ["--version"], { encoding: "utf8" }).stdout),
  );

describe.each(apps)("%s says at its start that Node is too old for it", (app) => {
  const firstLine = (node: string, before: string): string => {
    const script = `${before}; try { require(${JSON.stringify(join(folder, app, "main.js"))}); } catch (error) { console.log(error.message); }`;
    return spawnSync(node, ["-e", script], { encoding: "utf8" }).stdout.trim();
  };
  const refusal = (version: string): string => `${app} needs Node 22 or later, and this is Node ${version}. `;

  test("by the version that Node names", () => {
    const pretend = `Object.defineProperty(process, "versions", { value: { ...process.versions, node: "20.19.0" } })`;
    expect(firstLine(process.execPath, pretend)).toContain(refusal("20.19.0"));
    expect(firstLine(process.execPath, "")).not.toContain("needs Node");
  });

  test.skipIf(oldNode === undefined)("on a Node that is too old", { tags: "needs-old-node" }, () => {
    const node = oldNode ?? "";
    const version = spawnSync(node, ["-p", "process.versions.node"], { encoding: "utf8" }).stdout.trim();
    expect(firstLine(node, "")).toContain(refusal(version));
  });
});

describe("the name of the entry point", () => {
  const app = "callee-func";
  const named = async (file: string): Promise<string> =>
    (JSON.parse(await readFile(file, "utf8")) as { main: string }).main;

  test("is the same wherever the app is staged, and from wherever", async () => {
    const other = join(folder, "some", "where", "else");
    const here = process.cwd();
    try {
      process.chdir(folder);
      await stage(app, other);
    } finally {
      process.chdir(here);
    }
    expect(await named(join(other, "package.json"))).toBe(await named(join(folder, app, "package.json")));
  });

  test("is another for other code, and for another app", async () => {
    const changed: Plugin = {
      name: "changed",
      setup(build) {
        build.onLoad({ filter: /functions.health\.ts$/ }, () => ({ contents: "console.log('other code')" }));
      },
    };
    const names = [await entryPointOf(app), await entryPointOf(app, [changed]), await entryPointOf("caller-func")];
    expect(new Set(names).size).toBe(3);
    for (const name of names) expect(name).toMatch(/^package-[0-9a-f]{64}\.js$/);
  });
});

test.each(apps)("a start of %s loads none of what is loaded on demand", async (app) => {
  const contents = Object.entries(await contentsOf(app));
  const atStart = contents.flatMap(([name, bytes]) => (bytes.atStart > 0 ? name : []));
  expect(atStart).toContain("@azure/functions");
  expect(atStart.filter((name) => /^(axios|@azure\/(identity|msal-|data-tables|core-))/.test(name))).toEqual([]);
});

test("the caller's bundle holds no callee code, and the callee's no caller code; neither holds what only runs here", async () => {
  const roomsOf = async (app: string): Promise<string[]> =>
    [...new Set((await sources(app)).map((source) => source.split("/")[0] ?? ""))].sort();
  expect(await roomsOf("caller-func")).toEqual(["caller-func", "node_modules", "shared"]);
  expect(await roomsOf("callee-func")).toEqual(["callee-func", "node_modules", "shared"]);
  expect((await sources("caller-func")).filter((source) => source.startsWith("shared/authorization/"))).toEqual([]);
  expect((await sources("callee-func")).filter((source) => source.startsWith("shared/service-client/"))).toEqual([]);
});
