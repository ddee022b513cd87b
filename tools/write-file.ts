/** How tools of this repository write files: what goes wrong names the file, also where the system's own error does not. */
import { mkdir, mkdtemp, rm, writeFile as write } from "node:fs/promises";
import { mkdtempSync, rmSync, type WriteFileOptions, writeFileSync as writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** As `writeFile` of node:fs/promises. */
export async function writeFile(file: string, text: string, options?: WriteFileOptions): Promise<void> {
  try {
    await write(file, text, options);
  } catch (error) {
    throw withPath(error, file);
  }
}

/** As `writeFileSync` of node:fs. */
export function writeFileSync(file: string, text: string): void {
  try {
    writeSync(file, text);
  } catch (error) {
    throw withPath(error, file);
  }
}

/**
 * For a command that writes at its end: asks before it begins. Leaves nothing behind.
 *
 * @param folder is made where it is missing
 * @throws Error that names the folder and the cause, such as EROFS
 */
export async function requireWritable(folder: string): Promise<void> {
  let made: string | undefined;
  try {
    made = await mkdir(folder, { recursive: true });
    await rm(await mkdtemp(join(folder, ".can-be-written-")), { recursive: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new Error(`${folder} cannot be written (${code ?? String(error)}): make it a folder that you may write to.`, {
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
  /** The end of the process leaves it, too. */
  readonly keep: () => void;
}

/**
 * Makes a folder that goes with this process, if not before: also at a second Ctrl-C, which ends the process at once.
 *
 * @param prefix begins the folder's name
 */
export function temporaryFolder(prefix: string): TemporaryFolder {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const keep = (): void => {
    process.off("exit", remove);
  };
  const remove = (): void => {
    keep();
    // Processes that end with this one may write to it meanwhile.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  };
  process.once("exit", remove);
  return { folder, remove, keep };
}

/** Opening a file fails with its path; writing to it fails without. */
function withPath(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || "path" in error) return error;
  const { code } = error as NodeJS.ErrnoException;
  const isFull = code === "ENOSPC" || code === "EDQUOT";
  return new Error(`${file} cannot be written: ${isFull ? "the disk is full" : error.message}.`, { cause: error });
}
