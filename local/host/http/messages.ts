import type { IncomingMessage, ServerResponse } from "node:http";
import type { RpcHttpCookie, RpcHttpData, RpcNullable } from "../worker/protocol.ts";
import { decodeHeader, headersOf } from "./request-rules.ts";

type NullableStrings = Record<string, RpcNullable<string>>;

/**
 * A request in the form in which the Functions host hands it to its worker.
 *
 * @param path decoded, as {@link decodePath} gives it; the function sees it encoded anew, in `request.url`
 * @param query with its question mark, or empty
 * @param body undefined when there is none
 */
export function toRpcRequest(
  request: IncomingMessage,
  path: string,
  query: string,
  params: Readonly<Record<string, string>>,
  body: Uint8Array | undefined,
): RpcHttpData {
  // Of a chunked body no length is known (RFC 9112 section 6.3), whatever the client said beside it.
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
 * Reads a body, and keeps nothing of one that is too long.
 *
 * @param limit bytes
 * @throws Error where the body is longer, at once where its length is announced; or where the client breaks off
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

/** Writes what the worker answered; undefined means that the function returned nothing, which is a 204. */
export function writeRpcResponse(response: ServerResponse, http: RpcHttpData | undefined): void {
  if (http === undefined) {
    response.statusCode = 204;
    response.end();
    return;
  }
  for (const [name, value] of Object.entries(http.headers ?? {})) {
    // How the body travels is between this server and its client.
    if (!/^(?:content-length|transfer-encoding|connection|keep-alive)$/i.test(name)) response.setHeader(name, value);
  }
  for (const cookie of http.cookies ?? []) response.appendHeader("set-cookie", toSetCookie(cookie));
  response.statusCode = Number(http.statusCode ?? 200);
  response.end(http.body?.bytes ?? http.body?.string ?? "");
}

function tooLong(limit: number): Error {
  return new Error(`The body is longer than ${limit} bytes (FUNCTIONS_REQUEST_BODY_SIZE_LIMIT).`);
}

/** Repeated names, told apart without regard to case, are joined with a comma; empty values are left out then. */
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

/** `%2F` and other escapes that are still there stay as they are. */
function encodePath(path: string): string {
  return encodeURI(path)
    .replace(/%25(?=[0-9a-f]{2})/gi, "%")
    .replace(/[?#]/g, encodeURIComponent);
}

/** As ASP.NET Core writes cookies: value escaped, path "/" unless given. */
function toSetCookie(cookie: RpcHttpCookie): string {
  const seconds = cookie.expires?.value?.seconds;
  const sameSite =
    cookie.sameSite === "explicitNone" ? "none" : cookie.sameSite === "none" ? undefined : cookie.sameSite;
  const attributes: readonly (string | false | undefined)[] = [
    `${escapeData(cookie.name)}=${escapeData(cookie.value)}`,
    seconds !== undefined && `expires=${new Date(seconds * 1000).toUTCString()}`,
    cookie.maxAge?.value != null && `max-age=${Math.trunc(cookie.maxAge.value)}`,
    cookie.domain?.value != null && `domain=${cookie.domain.value}`,
    `path=${cookie.path?.value ?? "/"}`,
    cookie.secure?.value === true && "secure",
    sameSite !== undefined && `samesite=${sameSite}`,
    cookie.httpOnly?.value === true && "httponly",
  ];
  return attributes.filter((attribute) => typeof attribute === "string").join("; ");
}

function escapeData(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}
