/** Changes of files that are all made, or none. */
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { writeFileSync } from "../write-file.ts";

/** Changes files, and remembers how to undo it. */
export class Changes {
  readonly #undo: (() => void)[] = [];
  readonly #writeFile: typeof writeFileSync;

  /** @param writeFile for tests: fails in the middle */
  constructor(writeFile = writeFileSync) {
    this.#writeFile = writeFile;
  }

  /** Writes a file, which need not exist, nor its folder. */
  write(file: string, text: string): void {
    this.#makeFolder(dirname(file));
    const before = existsSync(file) ? readFileSync(file, "utf8") : undefined;
    this.#undo.push(() => {
      if (before === undefined) rmSync(file, { force: true });
      else writeFileSync(file, before);
    });
    this.#writeFile(file, text);
  }

  /** Links a folder, as npm links a workspace. */
  link(target: string, path: string): void {
    this.#makeFolder(dirname(path));
    symlinkSync(target, path, "junction");
    this.#undo.push(() => {
      unlinkSync(path);
    });
  }

  /** Restores what was there before, the last change first. */
  undo(): void {
    for (const undo of this.#undo.splice(0).reverse()) undo();
  }

  #makeFolder(folder: string): void {
    const made = mkdirSync(folder, { recursive: true });
    if (made === undefined) return;
    this.#undo.push(() => {
      rmSync(made, { recursive: true, force: true });
    });
  }
}
