/** Deeper than any claim of an Entra token. */
const MAX_DEPTH = 8;

const STRING = /"(?:[^"\\]|\\.)*"/g;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Decodes one part of a token: base64url without padding and without stray bits, then UTF-8, then a JSON object without
 * duplicate members. Two readers of one part can then not read two different things.
 *
 * @returns undefined where the part is anything else
 * @see https://www.rfc-editor.org/rfc/rfc7515#section-4 on duplicate members, and section 2 on base64url
 */
export function decodePart(part: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = Buffer.from(part, "base64url");
  // Buffer passes over what is not base64url, and over unused bits of the last character: encoding again shows both.
  if (bytes.toString("base64url") !== part) return undefined;
  try {
    const text = utf8.decode(bytes);
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
    // Outside of strings a colon stands between a member's name and its value, and nowhere else.
    const written = text.replace(STRING, "").split(":").length - 1;
    return written === countMembers(value, MAX_DEPTH) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** How many members a value has, at all depths; NaN, which equals nothing, where it is too deep. */
function countMembers(value: unknown, depth: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (depth === 0) return NaN;
  let count = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const member of Object.values(value)) count += countMembers(member, depth - 1);
  return count;
}
