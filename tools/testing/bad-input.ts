/** Bad input for the fuzz tests of the apps, and how to send it. */
import { type IncomingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";
import fc from "fast-check";

export interface RawResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Sends a request without changes: the path is not normalised, and the body may be any bytes. */
export function sendRaw(
  origin: string,
  method: string,
  path: string,
  options: {
    readonly body?: string | Uint8Array;
    readonly headers?: Readonly<Record<string, string>>;
    readonly chunked?: boolean;
  } = {},
): Promise<RawResponse> {
  const { hostname, port } = new URL(origin);
  const { body, headers = {}, chunked = false } = options;
  const length = body === undefined || chunked ? {} : { "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers: { ...length, ...headers } }, (response) => {
      text(response).then((received) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: received });
      }, reject);
    });
    sent.on("error", reject);
    if (chunked) sent.flushHeaders();
    sent.end(body);
  });
}

/** The form of an identifier. */
const IDENTIFIER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
export const isIdentifier = (value: unknown): boolean => typeof value === "string" && IDENTIFIER.test(value);
export const isUnits = (value: unknown, least: number): boolean =>
  Number.isInteger(value) && (value as number) >= least && (value as number) <= 1_000_000_000;

/** Path segments that are no identifier: encoded, partly encoded, and not encoded. */
export const badSegments = fc
  .oneof(
    fc.string({ minLength: 1, maxLength: 80, unit: "binary" }).map(encode),
    fc.string({ minLength: 65, maxLength: 90, unit: fc.constantFrom("a", "B", "0", ".", "_", "-") }),
    fc.constantFrom(
      "%2F",
      "%",
      "%zz",
      "%c3%28",
      "a%20b",
      "-a",
      "_a",
      ".a",
      "'",
      "a'%20or%20'1'%20eq%20'1",
      "a%0d%0ab",
      "a%23",
      "%F0%9F%92%A9",
    ),
  )
  .filter((segment) => !isIdentifier(decoded(segment)) && !isTheHosts(segment));

/** Segments that the host handles before any function: NUL and dot segments (docs/running-locally.md). */
const isTheHosts = (segment: string): boolean => segment.includes("%00") || /^(\.|%2e){1,2}$/i.test(segment);

/** Arbitrary bodies: JSON of all forms, almost valid ones, and texts that are no JSON. */
export function bodiesLike(
  members: Readonly<Record<string, fc.Arbitrary<unknown>>>,
): fc.Arbitrary<string | Uint8Array> {
  const oddity = fc.oneof(
    fc.jsonValue(),
    fc.constantFrom<unknown>(
      null,
      "",
      0,
      -1,
      1.5,
      1e300,
      2 ** 53,
      "1",
      [],
      {},
      true,
      "a/b",
      "a'b",
      "\u0000",
      "é",
      "a".repeat(65),
    ),
  );
  const [name = ""] = Object.keys(members);
  const nearMiss = fc.record(
    {
      ...Object.fromEntries(Object.entries(members).map(([name, good]) => [name, fc.oneof(good, oddity)])),
      __proto__: fc.constant(null),
      extra: oddity,
    },
    { requiredKeys: [] },
  );
  return fc.oneof(
    { weight: 5, arbitrary: nearMiss.map((value) => JSON.stringify(value)) },
    { weight: 2, arbitrary: fc.json() },
    { weight: 1, arbitrary: fc.string({ unit: "binary" }) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        "",
        "{",
        `{"${name}":`,
        "[".repeat(20_000),
        `{"__proto__":{"${name}":"a"}}`,
        "x".repeat(70_000),
        "\ufeff{}",
      ),
    },
  );
}

/** The JSON value of a body, or undefined. */
export function jsonOf(body: string | Uint8Array): unknown {
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true });
    return JSON.parse(typeof body === "string" ? body : decoder.decode(body));
  } catch {
    return undefined;
  }
}

/** The members of a JSON object; undefined if it has any other member than these. */
export function membersOf(body: string | Uint8Array, allowed: readonly string[]): Record<string, unknown> | undefined {
  const value = jsonOf(body);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return Object.keys(value).every((name) => allowed.includes(name)) ? (value as Record<string, unknown>) : undefined;
}

function encode(segment: string): string {
  return encodeURIComponent(segment.toWellFormed()).replaceAll(".", "%2E");
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
