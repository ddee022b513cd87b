import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** What is made here and not part of the repository. */
const MADE_HERE = new Set(["node_modules", ".git", ".local", ".azure", "dist"]);

/** A copy of this repository, to change at will. */
export interface RepositoryCopy {
  readonly folder: string;
  remove(): void;
}

/**
 * Copies it without its installed packages, to which the copy has links; its workspaces are the copy's own.
 *
 * @param name what the name of the copy's folder begins with
 */
export function copyRepository(name = "repository-"): RepositoryCopy {
  const folder = mkdtempSync(join(tmpdir(), name));
  cpSync(root, folder, { recursive: true, filter: (path) => path === root || !MADE_HERE.has(basename(path)) });
  const modules = join(root, "node_modules");
  mkdirSync(join(folder, "node_modules"));
  for (const name of readdirSync(modules).filter((entry) => !entry.startsWith("."))) {
    const isWorkspace = lstatSync(join(modules, name)).isSymbolicLink();
    const target = isWorkspace ? join(folder, name) : join(modules, name);
    symlinkSync(target, join(folder, "node_modules", name), "junction");
  }
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
