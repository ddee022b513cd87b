/** The commit of this checkout. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { environmentFor } from "./environment.mjs";

const root = join(import.meta.dirname, "..");

export interface Commit {
  readonly id: string;
  /** Whether tracked files differ from it. */
  readonly changed: boolean;
}

/** @returns null if the folder is no git checkout, or git is missing */
export async function checkedOutCommit(): Promise<Commit | null> {
  const git = async (...parameters: string[]): Promise<string> =>
    (await promisify(execFile)("git", parameters, { cwd: root, env: environmentFor() })).stdout.trim();
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
