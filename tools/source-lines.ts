/** Finds the lines of this repository's files that state a rule: the access policy by path, templates by their text. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type JsonPath, lineOfPath } from "./json-text.ts";
import { POLICY_FILE } from "./policy-mistakes.ts";

export interface SourceLine {
  /** The path in the repository, with slashes. */
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

const root = join(import.meta.dirname, "..");

/**
 * The line of a member or an item of the access policy, such as `["services", "callee-func", "callers", "caller-func", 0]`. If
 * the policy has no such entry, the line of the innermost entry around it, where it would be.
 */
export function policyLine(path: JsonPath): SourceLine {
  return { file: POLICY_FILE, line: lineOfPath(textOf(POLICY_FILE), path) };
}

/**
 * The line of a file that has this text. With several texts, each is searched from the line of the one before: a resource,
 * then one of its properties.
 *
 * @throws Error if the file cannot be read, or has no such lines
 */
export function textLine(file: string, ...texts: readonly string[]): SourceLine {
  const lines = textOf(file).split("\n");
  const found = texts.reduce((from, text) => {
    const index = lines.findIndex((line, i) => i >= from && line.includes(text));
    if (index === -1) throw new Error(`${file} has no line with "${text}"${from > 0 ? ` after line ${from}` : ""}.`);
    return index;
  }, 0);
  return { file, line: found + 1 };
}

/** As editors and terminals open it: `shared/access-policy.json:27`. */
export function placeOf({ file, line }: SourceLine): string {
  return `${file}:${line}`;
}

/** Without a byte order mark, as `tools/policy-mistakes.ts` reads it. */
function textOf(file: string): string {
  return readFileSync(join(root, file), "utf8").replace(/^\uFEFF/, "");
}
