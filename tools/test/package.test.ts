/** The npm package of `shared/`, installed into an app outside this repository. */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkPackage, createPackageFromTarballData } from "@arethetypeswrong/core";
import { build } from "esbuild";
import { publint } from "publint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPackage, PACKAGE } from "../package.ts";
import { compileExample, EXAMPLE, installExample } from "../testing/installed-package.ts";

let folder: string;
let built: string;
let tarball: string;
let app: string;
let topics: readonly string[];

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "package-")));
  built = join(folder, "package");
  tarball = await buildPackage(built);
  app = join(folder, "app");
  installExample(tarball, app);
  const { exports } = JSON.parse(readFileSync(join(built, "package.json"), "utf8")) as { exports: object };
  topics = Object.keys(exports)
    .filter((name) => name !== "./package.json")
    .map((name) => name.replace("./", `${PACKAGE}/`));
}, 600_000);
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("publint finds nothing", async () => {
  const { messages } = await publint({ pkgDir: built, strict: true, pack: false });
  expect(messages).toEqual([]);
});

test("@arethetypeswrong/core finds nothing", async () => {
  const checked = await checkPackage(createPackageFromTarballData(readFileSync(tarball)));
  expect(checked).toMatchObject({ types: { kind: "included" }, problems: [] });
});

test("has the licence, its own changelog with this version, and nothing of this repository", () => {
  const { version } = JSON.parse(readFileSync(join(built, "package.json"), "utf8")) as { version: string };
  const read = (file: string): string => readFileSync(join(app, "node_modules", PACKAGE, file), "utf8");
  expect(read("LICENSE")).toContain("MIT License");
  expect(read("CHANGELOG.md")).toContain(`## [${version}]`);
  const files = globSync("**", { cwd: built }).filter((file) => statSync(join(built, file)).isFile());
  expect(files).toContain(join("functions", "guard.js"));
  const ofHere = /@restricted-calls|access-policy|CALLEE_|callee-func|shared\//;
  expect(files.filter((file) => ofHere.test(readFileSync(join(built, file), "utf8")))).toEqual([]);
});

describe("compiles strictly, without skipLibCheck", () => {
  test.each<[string, object, { type?: string }]>([
    ["as CommonJS, as Node does", { module: "nodenext" }, {}],
    ["as ES modules, as Node does", { module: "nodenext" }, { type: "module" }],
    ["for a bundler", { module: "preserve", moduleResolution: "bundler" }, {}],
    [
      "as Core Tools set a new app up",
      { module: "commonjs", target: "es6", moduleResolution: "node10", ignoreDeprecations: "6.0" },
      {},
    ],
  ])("%s", (_, compilerOptions, { type = "commonjs" }) => {
    const all = topics.map((topic, i) => `import * as topic${i} from "${topic}";\nexport { topic${i} };\n`).join("");
    writeFileSync(join(app, "all.ts"), all);
    const strict = { noEmit: true, strict: true, types: ["node"] };
    writeFileSync(
      join(app, "tsconfig.other.json"),
      JSON.stringify({ compilerOptions: { ...strict, ...compilerOptions }, include: ["src", "all.ts"] }),
    );
    const manifest = readFileSync(join(app, "package.json"), "utf8");
    writeFileSync(join(app, "package.json"), JSON.stringify({ ...(JSON.parse(manifest) as object), type }));
    try {
      expect(compileExample(app, "-p", "tsconfig.other.json")).toBe("");
    } finally {
      writeFileSync(join(app, "package.json"), manifest);
    }
  });
});

/** What a script in the app prints. */
function printed(name: string, text: string): string {
  writeFileSync(join(app, name), text);
  const { stdout, stderr } = spawnSync(process.execPath, [name], { cwd: app, encoding: "utf8" });
  return stdout + stderr;
}

describe("is loaded by Node", () => {
  const expected = () => topics.map((topic) => `${topic} object\n`).join("");

  test("by require", () => {
    const text = `for (const topic of ${JSON.stringify(topics)}) console.log(topic, typeof require(topic));`;
    expect(printed("all.cjs", text)).toBe(expected());
  });

  test("by import", () => {
    const text = `for (const topic of ${JSON.stringify(topics)}) console.log(topic, typeof await import(topic));`;
    expect(printed("all.mjs", text)).toBe(expected());
  });

  test.each(["cjs", "esm"] as const)("bundled as %s", async (format) => {
    const entry = `import { ProblemError } from "${PACKAGE}/problem"; import { createServiceClient } from "${PACKAGE}/service-client";
      const tokens = { get: async () => "x", renew: async () => "x" };
      const client = createServiceClient({ origin: "http://127.0.0.1:9", tokens });
      client({ method: "POST", path: "/" }).then(({ kind }) => console.log(kind, new ProblemError({ status: 404, code: "no", detail: "No." }).message));`;
    const { outputFiles } = await build({
      stdin: { contents: entry, resolveDir: app },
      bundle: true,
      platform: "node",
      format,
      banner: {
        js:
          format === "esm"
            ? 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);'
            : "",
      },
      write: false,
    });
    expect(printed(`bundle.${format === "esm" ? "mjs" : "cjs"}`, outputFiles[0]?.text ?? "")).toBe(
      "no-response no: No.\n",
    );
  });
});

test("the example has fewer than 25 lines of its own, and names the version that is packed", () => {
  const source = readFileSync(join(EXAMPLE, "src", "functions", "get-invoice.ts"), "utf8");
  expect(source.trim().split("\n").length).toBeLessThan(25);
  const { dependencies } = JSON.parse(readFileSync(join(EXAMPLE, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  expect(dependencies[PACKAGE]).toBe(`file:../../.local/${tarball.replace(/.*[\\/]/, "")}`);
});
