/** HTTP requests and responses in the form in which host and worker exchange them. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RpcHttpData, RpcNullable } from "../worker/protocol.ts";
import { decodeHeader, headersOf } from "./request-rules.ts";

type NullableStrings = Record<string, RpcNullable<string>>;

/**
 * A request as the Functions host sends it to its worker.
 *
 * @param path decoded by {@link decodePath}; encoded again for the function's `request.url`
 * @param query with its question mark, or empty
 * @param body undefined where there is none
 */
export function toRpcRequest(
  request: IncomingMessage,
  path: string,
  query: string,
  params: Readonly<Record<string, string>>,
  body: Uint8Array | undefined,
): RpcHttpData {
  // A chunked body has no known length (RFC 9112 section 6.3), even if the client also sent one.
  const isChunked = request.headers["transfer-encoding"] !== undefined;
  const headers = headersOf(request).filter(([name]) => !isChunked || name !== "content-length");
  return {
    method: request.method ?? "GET",
    url: `http://${request.headers.host ?? ""}${encodePath(path)}${query}`,
    nullableHeaders: joined(headers.map(([name, value]) => [name, decodeHeader(value)])),
    nullableQuery: joined(new URLSearchParams(query)),
    nullableParams: Object.fromEntries(Object.entries(params).map(([name, value]) => [name, { value }])),
    ...(body === undefined ? {} : { body: { bytes: body } }),
  };
}

/**
 * Reads a body.
 *
 * @param limit bytes
 * @throws Error where the body is longer, before reading it where its length is announced; or where the client breaks off
 */
export async function readBody(request: IncomingMessage, limit: number): Promise<Buffer> {
  if (Number(request.headers["content-length"] ?? 0) > limit) throw tooLong(limit);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    length += chunk.byteLength;
    if (length > limit) throw tooLong(limit);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Writes the worker's response; 204 where the function returned nothing. */
export function writeRpcResponse(response: ServerResponse, http: RpcHttpData | undefined): void {
  if (http === undefined) {
    response.statusCode = 204;
    response.end();
    return;
  }
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    // This server frames the body itself.
    if (!/^(?:content-length|transfer-encoding|connection|keep-alive)$/i.test(name)) response.setHeader(name, value);
  }
  response.statusCode = Number(http.statusCode ?? 200);
  response.end(http.body?.bytes ?? http.body?.string ?? "");
}

function tooLong(limit: number): Error {
  return new Error(`The body is longer than ${limit} bytes (FUNCTIONS_REQUEST_BODY_SIZE_LIMIT).`);
}

/** Joins the values of repeated names, in any case, with commas, without empty values. */
function joined(pairs: Iterable<readonly [string, string]>): NullableStrings {
  const found = new Map<string, { readonly name: string; readonly values: string[] }>();
  for (const [name, value] of pairs) {
    const same = found.get(name.toLowerCase());
    if (same === undefined) found.set(name.toLowerCase(), { name, values: [value] });
    else same.values.push(value);
  }
  return Object.fromEntries(
    [...found.values()].map(({ name, values }) => [name, { value: values.filter((value) => value !== "").join(",") }]),
  );
}

/** Keeps `%2F` and other escapes that were not decoded. */
function encodePath(path: string): string {
  return encodeURI(path)
    .replace(/%25(?=[0-9a-f]{2})/gi, "%")
    .replace(/[?#]/g, encodeURIComponent);
}
