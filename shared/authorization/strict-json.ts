// Decodes the parts of a token, and refuses what can be read in two ways.

/** The deepest nesting that is read: no claim of an Entra token has it. */
const MAX_DEPTH = 8;

/** Names that are all like this differ in more than case. */
const LOWER_CASE = /^[a-z0-9_,]*$/;

const STRING = /"(?:[^"\\]|\\.)*"/g;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A part of a token, decoded: its text, and the JSON object that the text stands for. */
export interface Part {
  readonly text: string;
  readonly content: Readonly<Record<string, unknown>>;
}

/**
 * Decodes one part of a token: base64url without padding and without stray bits, then UTF-8, then a JSON object.
 *
 * @returns undefined where the part is anything else
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-2
 */
export function decodePart(part: string): Part | undefined {
  const bytes = fromCanonicalBase64Url(part);
  if (bytes === undefined) return undefined;
  try {
    const text = utf8.decode(bytes);
    const content: unknown = JSON.parse(text);
    if (typeof content !== "object" || content === null || Array.isArray(content)) return undefined;
    return { text, content: content as Record<string, unknown> };
  } catch {
    return undefined;
  }
}

/** The bytes of base64url, only in canonical form: else one token could be written in several ways. */
export function fromCanonicalBase64Url(part: string): Buffer | undefined {
  const bytes = Buffer.from(part, "base64url");
  // Buffer ignores characters that are not base64url, and unused bits of the last one: encoding again shows both.
  return part !== "" && bytes.toString("base64url") === part ? bytes : undefined;
}

/**
 * Whether all readers read a part in the same way: it has no duplicate members (RFC 7515, section 4), no two top-level
 * members that differ only in case, and is not too deep for a reader.
 *
 * Duplicates are found by counting colons. A colon stands between a name and its value, or in a string. The text and the
 * parsed value must have the same number; of two members with one name, the parsed value keeps one. If nothing is escaped,
 * strings are counted too; else they are left out on both sides.
 */
export function isUnambiguous({ text, content }: Part): boolean {
  const names = Object.keys(content);
  if (!LOWER_CASE.test(names.join()) && new Set(names.map(withoutCase)).size < names.length) return false;
  const hasEscapes = text.includes("\\");
  const written = colonsIn(hasEscapes ? text.replace(STRING, "") : text);
  return written === countColons(content, hasEscapes ? () => 0 : colonsIn, MAX_DEPTH);
}

/** Both conversions: the Kelvin sign becomes `k` only in lower case, the long s `S` only in upper case. */
function withoutCase(name: string): string {
  return name.toLowerCase().toUpperCase();
}

/** How many colons a parsed value was written with; NaN, which equals nothing, where it is too deep. */
function countColons(value: unknown, inString: (text: string) => number, depth: number): number {
  if (typeof value === "string") return inString(value);
  if (typeof value !== "object" || value === null) return 0;
  if (depth === 0) return NaN;
  const isArray = Array.isArray(value);
  let count = 0;
  for (const name of Object.keys(value)) {
    if (!isArray) count += 1 + inString(name);
    count += countColons((value as Record<string, unknown>)[name], inString, depth - 1);
  }
  return count;
}

function colonsIn(text: string): number {
  let count = 0;
  for (let at = text.indexOf(":"); at >= 0; at = text.indexOf(":", at + 1)) count++;
  return count;
}
