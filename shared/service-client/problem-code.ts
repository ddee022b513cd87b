// The code of a problem document in a response.

/** Codes of problem documents and errors are short ASCII words; anything else is neither shown nor stored. */
const CODE = /^[\w.-]{1,64}$/;

/** True for a text that can be a code. */
export function isCode(value: unknown): value is string {
  return typeof value === "string" && CODE.test(value);
}

/** The `code` of a problem document (RFC 9457), or undefined where a body has none that can be one. */
export function problemCode(body: unknown): string | undefined {
  if (typeof body !== "object" || body === null || !("code" in body)) return undefined;
  return isCode(body.code) ? body.code : undefined;
}
