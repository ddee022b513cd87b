/** How tools write files: every error names the file, also if the system's error does not. */
import { mkdir, mkdtemp, rm, writeFile as write } from "node:fs/promises";
import { mkdtempSync, rmSync, type WriteFileOptions, writeFileSync as writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Like `writeFile` of node:fs/promises. A text may come in pieces. */
export async function writeFile(
  file: string,
  text: string | Iterable<string>,
  options?: WriteFileOptions,
): Promise<void> {
  try {
    await write(file, text, options);
  } catch (error) {
    throw withPath(error, file);
  }
}

/** Like `writeFileSync` of node:fs. */
export function writeFileSync(file: string, text: string): void {
  try {
    writeSync(file, text);
  } catch (error) {
    throw withPath(error, file);
  }
}

/**
 * Checks that a folder can be written, for a command that writes at its end. Removes what it creates.
 *
 * @param folder is created if it is missing, and then removed
 * @throws Error that names the folder and the cause, such as EROFS
 */
export async function requireWritable(folder: string): Promise<void> {
  let made: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true });
    await rm(await mkdtemp(join(folder, ".can-be-written-")), { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${folder} cannot be written (${code ?? String(error)}): make it writable for you.`, {
      cause: error,
    });
  } finally {
    if (made !== undefined) await rm(made, { recursive: true, force: true });
  }
}

/** A folder in the system's folder for temporary files. */
export interface TemporaryFolder {
  readonly folder: string;
  readonly remove: () => void;
  /** Keeps the folder when the process ends. */
  readonly keep: () => void;
}

/**
 * Creates a folder that is removed at the latest when this process ends, also by a second Ctrl-C.
 *
 * @param prefix the beginning of the folder's name
 */
export function temporaryFolder(prefix: string): TemporaryFolder {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const keep = (): void => {
    process.off("exit", remove);
  };
  const remove = (): void => {
    keep();
    // Processes that end with this one may still write to it.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  process.once("exit", remove);
  return { folder, remove, keep };
}

/** Adds the path: an error from opening a file has it, an error from writing does not. */
function withPath(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || "path" in error) return error;
  const { code } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new Error(`${file} cannot be written: ${isFull ? "the disk is full" : error.message}.`, { cause: error });
}
