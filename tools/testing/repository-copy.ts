/** Copies of this repository for tests that change files. */
import { cpSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, relative } from "node:path";

const root = join(import.meta.dirname, "..", "..");

/** Folders that commands create. They are not part of the repository. */
const CREATED_HERE = new Set(["node_modules", ".git", ".local", ".azure", "dist"]);

/** A shell script that makes a copy what a clone is: all files are committed. */
export const AS_CLONED = `git init --quiet
git add --all
git -c user.name=test -c user.email=test@example.com commit --quiet --no-verify --message copy`;

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
  linkPackages(join(root, "node_modules"), join(folder, "node_modules"), folder);
  return {
    folder,
    remove: () => {
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Links each package of a folder. npm links workspaces: their links lead to the copy's folders. */
function linkPackages(modules: string, into: string, copy: string): void {
  mkdirSync(into);
  for (const name of readdirSync(modules).filter((entry) => !entry.startsWith("."))) {
    const path = join(modules, name);
    const isWorkspace = lstatSync(path).isSymbolicLink();
    if (name.startsWith("@") && !isWorkspace) linkPackages(path, join(into, name), copy);
    else {
      const target = isWorkspace ? join(copy, relative(realpathSync(root), realpathSync(path))) : path;
      symlinkSync(target, join(into, name), "junction");
    }
  }
}
