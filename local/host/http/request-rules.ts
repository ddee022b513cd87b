/** The requests that the Functions host's web server refuses before routing. */
import type { IncomingMessage } from "node:http";

/**
 * The limits of Kestrel
 * (https://learn.microsoft.com/dotnet/api/microsoft.aspnetcore.server.kestrel.core.kestrelserverlimits).
 */
const MAX_REQUEST_LINE_BYTES = 8 * 1024;
const MAX_HEADERS = 100;
const MAX_HEADER_BYTES = 32 * 1024;

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
const HOST = /^(?:[\w!$&'()~.-]+|\[[\da-f:.]+\])(?::\d+)?$/i;

/**
 * The status for a refused request; undefined for an accepted one. Node's lenient parser must have read the request: the
 * strict one refuses requests that the real host accepts.
 */
export function refusalOf(request: IncomingMessage): 400 | 405 | 414 | 431 | 505 | undefined {
  const { method = "", url = "", httpVersion } = request;
  if (`${method} ${url} HTTP/1.1\r\n`.length > MAX_REQUEST_LINE_BYTES) return 414;
  if (!/^[\x21-\x7e]+$/.test(url) || /^[^?]*%00/.test(url)) return 400;
  if (url === "*" && method !== "OPTIONS") return 405;
  if (httpVersion === "0.9") return 400; // A request line without a version.
  if (httpVersion !== "1.0" && httpVersion !== "1.1") return 505;

  const headers = headersOf(request);
  if (headers.length > MAX_HEADERS) return 431;
  if (headers.reduce((sum, [name, value]) => sum + `${name}: ${value}\r\n`.length, 0) > MAX_HEADER_BYTES) return 431;
  if (!headers.every(([name, value]) => TOKEN.test(name) && isHeaderValue(value))) return 400;
  return isMisdirected(method, url, valuesOf(headers, "host")) || isMisframed(headers) ? 400 : undefined;
}

/** The headers in their order: names in lower case, values with a character for each byte. */
export function headersOf({ rawHeaders }: IncomingMessage): readonly (readonly [name: string, value: string])[] {
  return rawHeaders.flatMap((name, index) =>
    index % 2 === 0 ? [[name.toLowerCase(), rawHeaders[index + 1] ?? ""] as const] : [],
  );
}

/**
 * The text of a header, which the real host decodes as UTF-8.
 *
 * @param value with a character for each byte, as Node returns it
 * @throws TypeError when it is not UTF-8
 */
export function decodeHeader(value: string): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(value, "latin1"));
}

function isHeaderValue(value: string): boolean {
  if (/[\0\r\n]/.test(value)) return false;
  try {
    decodeHeader(value);
    return true;
  } catch {
    return false;
  }
}

/** Unless there is one well-formed `Host`, and no absolute target with another host (RFC 9112 section 3.2). */
function isMisdirected(method: string, url: string, hosts: readonly string[]): boolean {
  const [host = "", ...others] = hosts;
  if (others.length > 0 || !HOST.test(host)) return true;
  if (/^[/*]/.test(url)) return false;
  if (method === "CONNECT") return url !== host;
  const scheme = /^https?:\/\//i.exec(url)?.[0];
  const [target, own] = [url, `${scheme ?? ""}${host}`].map((text) => (URL.canParse(text) ? new URL(text).host : ""));
  return scheme === undefined || target !== own;
}

function isMisframed(headers: ReturnType<typeof headersOf>): boolean {
  const codings = valuesOf(headers, "transfer-encoding");
  const lengths = valuesOf(headers, "content-length");
  return lengths.length > 1 || (codings.length > 0 && !/(?:^|,)\s*chunked\s*$/i.test(codings.join(",")));
}

function valuesOf(headers: ReturnType<typeof headersOf>, wanted: string): readonly string[] {
  return headers.flatMap(([name, value]) => (name === wanted ? [value] : []));
}
