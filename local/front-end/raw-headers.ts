/** Raw headers: names and values in turn, the only form in Node that keeps repeated headers apart. */
export type RawHeaders = readonly string[];

/**
 * The headers for the next hop: without the hop-by-hop headers and those that `Connection` names (RFC 9110 section 7.6.1).
 * Without `Transfer-Encoding` too: the sender frames the body anew.
 */
export function endToEnd(headers: RawHeaders): string[] {
  const named = valuesOf(headers, "connection").flatMap((value) => value.toLowerCase().split(","));
  // A sender must not name these (same section). Without them, the next hop would read the body as another request.
  const required = ["host", "content-length"];
  const dropped = named.map((name) => name.trim()).filter((name) => !required.includes(name));
  return without(headers, ...HOP_BY_HOP, ...dropped);
}

const HOP_BY_HOP = [
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
] as const;

/** @param names in lower case */
export function without(headers: RawHeaders, ...names: readonly string[]): string[] {
  const dropped = new Set(names);
  return entries(headers)
    .filter(([name]) => !dropped.has(name.toLowerCase()))
    .flat();
}

/** @param name in lower case */
export function valuesOf(headers: RawHeaders, name: string): string[] {
  return entries(headers)
    .filter(([key]) => key.toLowerCase() === name)
    .map(([, value]) => value);
}

/** @param name in lower case */
export function countOf(headers: RawHeaders, name: string): number {
  return valuesOf(headers, name).length;
}

function entries(headers: RawHeaders): [name: string, value: string][] {
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1] ?? ""]] : []));
}
