/** The commit and versions of a verification. */
import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { checkedOutCommit } from "../../tools/commit.ts";
import type { Report } from "./report.ts";

const PACKAGES = ["@azure/functions", "@azure/identity", "esbuild", "jose", "typescript"];

/** The commit is null if this is not a git checkout. */
export async function provenance(): Promise<Pick<Report, "commit" | "versions">> {
  const installed = await Promise.all(PACKAGES.map(async (name) => [name, await installedVersion(name)] as const));
  const found = installed.filter((entry): entry is readonly [string, string] => entry[1] !== null);
  return { commit: await checkedOutCommit(), versions: { node: process.versions.node, ...Object.fromEntries(found) } };
}

async function installedVersion(name: string): Promise<string | null> {
  try {
    const text = await readFile(findPackageJSON(name, import.meta.url) ?? "", "utf8");
    return (JSON.parse(text) as { version: string }).version;
  } catch {
    return null;
  }
}
