import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Report } from "./report/report.ts";

const root = join(import.meta.dirname, "..");
const PACKAGES = ["@azure/functions", "@azure/identity", "esbuild", "jose", "typescript"];

/** What a verification was made of: the commit, null where this is no git checkout, and the versions that took part. */
export async function provenance(): Promise<Pick<Report, "commit" | "versions">> {
  const installed = await Promise.all(PACKAGES.map(async (name) => [name, await installedVersion(name)] as const));
  const found = installed.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  return { commit: await commit(), versions: { node: process.versions.node, ...Object.fromEntries(found) } };
}

async function commit(): Promise<Report["commit"]> {
  const git = async (...parameters: string[]): Promise<string> =>
    (await promisify(execFile)("git", parameters, { cwd: root })).stdout.trim();
  try {
    const [id, changes] = await Promise.all([
      git("rev-parse", "HEAD"),
      git("--no-optional-locks", "status", "--porcelain", "--untracked-files=no"),
    ]);
    return { id, changed: changes !== "" };
  } catch {
    return null;
  }
}

async function installedVersion(name: string): Promise<string | null> {
  try {
    const text = await readFile(findPackageJSON(name, import.meta.url) ?? "", "utf8");
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return null;
  }
}
