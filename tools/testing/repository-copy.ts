/** Copies of this repository for tests that change files. */
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** Folders that commands create. They are not part of the repository. */
const CREATED_HERE = new Set(["node_modules", ".git", ".local", ".azure", "dist"]);

export interface RepositoryCopy {
  readonly folder: string;
  remove(): void;
}

/**
 * Copies this repository. The copy has links to the installed packages, and its own workspaces.
 *
 * @param name the beginning of the folder's name
 */
export function copyRepository(name = "repository-"): RepositoryCopy {
  const folder = mkdtempSync(join(tmpdir(), name));
  cpSync(root, folder, { recursive: true, filter: (path) => path === root || !CREATED_HERE.has(basename(path)) });
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
