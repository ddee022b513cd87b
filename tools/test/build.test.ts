import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { builtinModules } from "node:module";
import { tmpdir } from "node:os";
import { delimiter, dirname, join, relative, resolve, sep } from "node:path";
import { Ajv, type AnySchemaObject } from "ajv";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Plugin } from "esbuild";
import { apps, billOfMaterialsOf, contentsOf, entryPointOf, stage } from "../build.ts";
import { billOfMaterials, type LockedPackage } from "../sbom.ts";

const root = join(import.meta.dirname, "..", "..");

let folder: string;

/** What is read of a bill of materials here. */
interface Bom {
  readonly metadata: { readonly component: { readonly properties: readonly object[] } };
  readonly components: readonly {
    readonly name: string;
    readonly version: string;
    readonly licenses?: readonly object[];
    readonly hashes?: readonly object[];
  }[];
}

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
  const refusal = (version: string): string => `${app} needs Node 22 or later, but this is Node ${version}. `;

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

describe.each(apps)("the bill of materials of %s", (app) => {
  const schemas = join(root, "node_modules", "@cyclonedx", "cyclonedx-library", "res", "schema");
  const schema = async (name: string): Promise<AnySchemaObject> =>
    JSON.parse(await readFile(join(schemas, `${name}.SNAPSHOT.schema.json`), "utf8")) as AnySchemaObject;
  let text: string;
  let bom: Bom;

  beforeAll(async () => {
    text = await billOfMaterialsOf(app);
    bom = JSON.parse(text) as Bom;
  });

  test("is what CycloneDX's published schema allows", async () => {
    const ajv = new Ajv({ strict: false, validateFormats: false });
    for (const name of ["spdx", "jsf-0.82"]) {
      ajv.addSchema(await schema(name), `http://cyclonedx.org/schema/${name}.SNAPSHOT.schema.json`);
    }
    const validate = ajv.compile(await schema("bom-1.6"));
    expect([validate(bom), validate.errors]).toEqual([true, null]);
    const [first] = bom.components;
    expect(validate({ ...bom, components: [{ ...first, licenses: [{ license: { id: "No-such-licence" } }] }] })).toBe(
      false,
    );
  });

  test("names every package that the source maps name, and no other, as the lock file has it", async () => {
    const named = (await sources(app)).flatMap((source) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(source) ?? []);
    // A package that was bundled itself names its sources by its own name.
    const maps = await Promise.all(files(app, ".js.map").map((file) => read(app, file)));
    const bundled = maps.flatMap((map) =>
      [...map.matchAll(/"webpack:\/\/((?:@[^/]+\/)?[^/]+)/g)].map(([, name = ""]) => name),
    );
    const folders = [...named, ...bundled.map((name) => `node_modules/${name}`)];
    const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
      readonly packages: Readonly<Record<string, LockedPackage>>;
    };
    const locked = [...new Set(folders)].map((folder) => {
      const { version, license, integrity = "" } = packages[folder] ?? {};
      const content = Buffer.from(integrity.replace("sha512-", ""), "base64").toString("hex");
      return {
        name: folder.replace(/.*node_modules\//, ""),
        version,
        licenses: [{ license: { id: license } }],
        hashes: [{ alg: "SHA-512", content }],
      };
    });
    expect(locked.length).toBeGreaterThan(3);
    const found = bom.components.map(({ name, version, licenses, hashes }) => ({ name, version, licenses, hashes }));
    // Two folders may have the same version of a package.
    const texts = (all: readonly object[]): string[] => [...new Set(all.map((one) => JSON.stringify(one)))].sort();
    expect(texts(found)).toEqual(texts(locked));
    expect(found).toHaveLength(texts(found).length);
  });

  test("is of this bundle, and the same whenever and from wherever it is made", async () => {
    expect(bom.metadata.component.properties).toEqual([{ name: "entryPoint", value: await entryPointOf(app) }]);
    const here = process.cwd();
    try {
      process.chdir(folder);
      expect(await billOfMaterialsOf(app)).toBe(text);
    } finally {
      process.chdir(here);
    }
    expect(text).not.toMatch(/serialNumber|timestamp/);
    expect(text).not.toContain(root);
  });
});

test("a package is found in the lock file also where node_modules is a link, or is within another package", () => {
  const source = "../../elsewhere/node_modules/a/node_modules/@b/c/index.js";
  const bom = billOfMaterials("an-app", "package.js", [source], {
    "node_modules/a/node_modules/@b/c": { version: "1.0.0" },
  });
  expect(JSON.parse(bom)).toMatchObject({ components: [{ purl: "pkg:npm/%40b/c@1.0.0" }] });
});

test("a bundle with a package that the lock file lacks has no bill of materials", () => {
  const make = () => billOfMaterials("an-app", "package.js", ["node_modules/@some/package/index.js"], {});
  expect(make).toThrow("node_modules/@some/package is in the bundle of an-app, but not in package-lock.json: npm ci");
});

test.each(apps)("a start of %s loads none of what is loaded on demand", async (app) => {
  const contents = Object.entries(await contentsOf(app));
  const atStart = contents.flatMap(([name, bytes]) => (bytes.atStart > 0 ? name : []));
  expect(atStart).toContain("@azure/functions");
  expect(atStart.filter((name) => /^(axios|@azure\/(identity|msal-|data-tables|core-))/.test(name))).toEqual([]);
});

test("the caller's bundle holds no callee code, and the callee's no caller code; neither has code of the tools", async () => {
  const foldersOf = async (app: string): Promise<string[]> =>
    [...new Set((await sources(app)).map((source) => source.split("/")[0] ?? ""))].sort();
  expect(await foldersOf("caller-func")).toEqual(["caller-func", "node_modules", "shared"]);
  expect(await foldersOf("callee-func")).toEqual(["callee-func", "node_modules", "shared"]);
  expect((await sources("caller-func")).filter((source) => source.startsWith("shared/authorization/"))).toEqual([]);
  expect((await sources("callee-func")).filter((source) => source.startsWith("shared/service-client/"))).toEqual([]);
});

test.each(apps)("the bundle of %s holds no contract, and nothing that a contract refers to", async (app) => {
  const ofContract = new RegExp(`^${app}/(contract|chaos|bench/.*)\\.ts$`);
  expect((await sources(app)).filter((source) => ofContract.test(source))).toEqual([]);
});
