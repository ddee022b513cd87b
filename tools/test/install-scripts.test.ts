import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");

interface LockFile {
  readonly packages: Readonly<Record<string, { readonly hasInstallScript?: boolean }>>;
}

test("each package with an install script has been looked at, and no other is on the list", async () => {
  const read = async (file: string): Promise<unknown> => JSON.parse(await readFile(join(root, file), "utf8"));
  const { packages } = (await read("package-lock.json")) as LockFile;
  const { allowScripts } = (await read("package.json")) as { readonly allowScripts: object };
  const withScript = Object.keys(packages).filter((path) => packages[path]?.hasInstallScript === true);
  expect(withScript.map((path) => path.replace(/.*node_modules\//, "")).sort()).toEqual(Object.keys(allowScripts));
});

// What npm is told elsewhere for other projects is not meant here.
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^npm_config_/i.test(name)));
const npm = (args: string, folder: string) =>
  spawnSync(`npm ${args}`, { cwd: folder, encoding: "utf8", env: environment, shell: true });
const [major = 0, minor = 0] = npm("--version", root).stdout.split(".").map(Number);
const isStrict = major > 11 || (major === 11 && minor >= 16);

describe.skipIf(!isStrict)("npm, under this repository's .npmrc", { tags: "needs-new-npm" }, () => {
  const TARBALL = "file:scripted-1.0.0.tgz";
  let folder: string;

  /** A project with one dependency, whose install script leaves a file. */
  beforeAll(async () => {
    folder = await realpath(await mkdtemp(join(tmpdir(), "install-scripts-")));
    await mkdir(join(folder, "scripted"));
    await writeFile(join(folder, "scripted", "install.cjs"), `require("fs").writeFileSync("../../has-run", "");`);
    const scripted = { name: "scripted", version: "1.0.0", scripts: { install: "node install.cjs" } };
    await writeFile(join(folder, "scripted", "package.json"), JSON.stringify(scripted));
    await copyFile(join(root, ".npmrc"), join(folder, ".npmrc"));
    await allow({});
    for (const args of ["pack ./scripted", "install --package-lock-only --ignore-scripts"]) {
      const { status, stderr } = npm(args, folder);
      expect(status, stderr).toBe(0);
    }
  });
  afterAll(() => rm(folder, { recursive: true }));

  const allow = (allowScripts: object): Promise<void> => {
    const manifest = { name: "us", private: true, dependencies: { scripted: TARBALL }, allowScripts };
    return writeFile(join(folder, "package.json"), JSON.stringify(manifest));
  };

  async function install() {
    await rm(join(folder, "has-run"), { force: true });
    const { status, stderr } = npm("ci --ignore-scripts=false --no-audit --no-fund", folder);
    return { status, stderr, hasRun: existsSync(join(folder, "has-run")) };
  }

  test("installs nothing where a package has an install script that nobody has looked at", async () => {
    await allow({});
    const { status, stderr, hasRun } = await install();
    expect({ status, hasRun }).toEqual({ status: 1, hasRun: false });
    expect(stderr).toContain("scripted@1.0.0");
  });

  test.each([
    ["runs an install script that is allowed", true],
    ["leaves out an install script that is refused, and installs the package", false],
  ])("%s", async (_what, isAllowed) => {
    await allow({ [`file:${join(folder, "scripted-1.0.0.tgz")}`]: isAllowed });
    expect(await install()).toMatchObject({ status: 0, hasRun: isAllowed });
    expect(existsSync(join(folder, "node_modules", "scripted", "package.json"))).toBe(true);
  });
});
