/** Installs the packed package of `shared/` into an app outside this repository, without a network. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { PACKAGE } from "../package.ts";

const root = join(import.meta.dirname, "..", "..");

export const EXAMPLE = join(root, "examples", "protect-an-existing-app");

interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/**
 * Copies the example, and installs what its package.json and the package's name: the packed file is unpacked, and everything
 * else is a link to the version that this repository has. What neither of them names cannot be imported.
 *
 * @param tarball the packed package
 * @param folder an empty folder outside this repository
 */
export function installExample(tarball: string, folder: string): void {
  cpSync(EXAMPLE, folder, { recursive: true, filter: (path) => !/[\\/](node_modules|dist)$/.test(path) });
  const installed = join(folder, "node_modules", PACKAGE);
  mkdirSync(installed, { recursive: true });
  const { status, stderr } = spawnSync("tar", ["-xzf", tarball, "--strip-components=1", "-C", installed], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`tar failed: ${stderr}`);
  const [app, own] = [folder, installed].map(manifestOf);
  for (const name of Object.keys({ ...own?.dependencies, ...app?.dependencies, ...app?.devDependencies })) {
    if (name === PACKAGE) continue;
    const link = join(folder, "node_modules", name);
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, "node_modules", name), link, "junction");
  }
}

function manifestOf(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Manifest;
}

/** Compiles the app, into `dist`. @returns what the compiler prints */
export function compileExample(folder: string, ...args: readonly string[]): string {
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  return spawnSync(process.execPath, [tsc, ...args], { cwd: folder, encoding: "utf8" }).stdout;
}
