/** Header names and values in turn, as Node gives and takes them: the only form that keeps repetitions apart. */
export type RawHeaders = readonly string[];

/**
 * The headers that go on to the next hop: without those of this connection, and without whatever `Connection` names
 * (RFC 9110 section 7.6.1). `Transfer-Encoding` goes too, for the sender to frame the body again.
 */
export function endToEnd(headers: RawHeaders): string[] {
  const named = valuesOf(headers, "connection").flatMap((value) => value.toLowerCase().split(","));
  // A sender must not name these (same section): without them the next hop would take the body for another request.
  const indispensable = ["host", "content-length"];
  const dropped = named.map((name) => name.trim()).filter((name) => !indispensable.includes(name));
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
