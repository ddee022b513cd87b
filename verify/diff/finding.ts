/** What a comparison finds: its words, and the digest by which somebody acknowledges it. */
import { createHash } from "node:crypto";

/** The words of findings, and whether one of them makes the comparison fail. */
export const WORDS = {
  /** A caller may do more. */
  gained: true,
  /** A template admits or trusts more. */
  opened: true,
  /** A template protects or records less. */
  weakened: true,
  /** No rule knows this difference. It counts like an opening. */
  "changed, not understood": true,
  lost: false,
  closed: false,
  /** A difference without effect on access, for a stated reason. */
  changed: false,
} as const;

export type Word = keyof typeof WORDS;

/** A difference between two commits. */
export interface Finding {
  readonly word: Word;
  /** The kind of access or setting, as docs/access-changes.md lists it. */
  readonly kind: string;
  readonly text: string;
}

/** Whether somebody gains access, something opens, or the difference is not understood. */
export function isOpening({ word }: Pick<Finding, "word">): boolean {
  return WORDS[word];
}

/** A finding in one line: the same text for the same change. */
export function lineOf({ word, text }: Finding): string {
  return `${word}: ${printable(text)}`;
}

/**
 * The first 32 hexadecimal digits of the SHA-256 of all sorted lines; undefined if nothing opens. What closes counts too: without it,
 * the same openings are another change. A label of GitHub has at most 50 characters.
 */
export function digestOf(findings: readonly Finding[]): string | undefined {
  if (!findings.some(isOpening)) return undefined;
  return hashOf(findings.map(lineOf).sort().join("\n")).slice(0, 32);
}

/** The SHA-256 of a text, in hexadecimal digits. */
export function hashOf(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** The text without control, format and line separator characters: texts of a commit cannot forge a line of the output. */
export function printable(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  });
}

/** Values that are perhaps secrets, by their content or by the name of their property. */
const SECRET = /listKeys|listAccountSas|listSecrets|AccountKey=|[?&]sig=|password|secret/i;
const SECRET_NAME = /password|secret|connection|(key|keys|token|certificate)$/i;
const LONGEST_VALUE = 300;

/**
 * A value as findings show it: as JSON, or by its digest if it is long or perhaps a secret. So the text of a finding differs where
 * the values differ.
 *
 * @param name of the property that has it
 */
export function shown(value: unknown, name = ""): string {
  if (value === undefined) return "nothing";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  const isShort = text.length <= LONGEST_VALUE && text !== "";
  if (isShort && !SECRET.test(text) && !SECRET_NAME.test(name)) return inGroup(text);
  return text === "" ? '""' : `a value of SHA-256 ${hashOf(text)}`;
}

/** A text with shorter ids: those in the resource group of the snapshots (infra/evaluate.ts) are shown without it. */
export function inGroup(text: string): string {
  return text.replaceAll(
    "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-snapshot/providers/",
    "",
  );
}
