// The headers that a request may have of its own.
import { validateHeaderName, validateHeaderValue } from "node:http";

/**
 * Those that the client sets, and those that say to whom and how a request is sent: with two ideas of a request's length or
 * host, two readers see two requests.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1
 */
const RESERVED = new Set([
  "authorization",
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "traceparent",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/**
 * Checks the further headers of a request.
 *
 * @throws TypeError naming the header, and never its value, which may be a secret
 */
export function requireHeaders(headers: Readonly<Record<string, string>> | undefined): void {
  for (const [name, value] of Object.entries(headers ?? {})) {
    const problem = whyRefused(name, value);
    if (problem !== undefined) throw new TypeError(`The header ${JSON.stringify(name.slice(0, 100))} ${problem}.`);
  }
}

function whyRefused(name: string, value: unknown): string | undefined {
  if (RESERVED.has(name.toLowerCase())) return "is set by the client: leave it out";
  try {
    validateHeaderName(name);
    if (typeof value !== "string") return `is a ${typeof value}: expected a string`;
    validateHeaderValue(name, value);
  } catch {
    return "has characters that no HTTP header may have, in its name or its value";
  }
  return undefined;
}
