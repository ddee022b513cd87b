import { mkdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { writeFileSync } from "../../write-file.ts";

const file = join(import.meta.dirname, "..", "..", ".local", "azd", "deployment-start");

/** Notes that a deployment begins now. */
export function noteStart(): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, new Date().toISOString());
}

/**
 * When the last deployment from here began.
 *
 * @throws Error where none was noted
 */
export function readStart(): Date {
  try {
    return new Date(readFileSync(file, "utf8"));
  } catch (error) {
    throw new Error("No deployment was begun here: azd deploy runs this by itself (azure.yaml).", { cause: error });
  }
}
