// Identifiers that are safe in routes and in keys of Table storage.
import * as v from "valibot";

/** Safe in Azure Table keys and in routes without encoding. */
const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export const IDENTIFIER_EXPECTED = "expected 1 to 64 letters, digits, '.', '_' or '-', the first a letter or digit";

/** An identifier in a JSON body. */
export const identifier = v.pipe(v.string(IDENTIFIER_EXPECTED), v.regex(IDENTIFIER, IDENTIFIER_EXPECTED));

/** True for an identifier. */
export function isIdentifier(text: string | undefined): text is string {
  return text !== undefined && IDENTIFIER.test(text);
}
