/**
 * Requests as bytes, and how the Functions host answers them. Each was sent to the real host, of which the embedded one is
 * a copy in this: host-requests.test.ts holds the embedded host to the list, host-both.test.ts compares the two.
 */
import { connect } from "node:net";
import { text } from "node:stream/consumers";

export const MASTER_KEY = "testmasterkey0123456789";

/** What comes back: the status, and what a function of the fixture http-app.ts saw of the request. */
export interface Answer {
  readonly status: number;
  readonly name?: string;
  readonly url?: string;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Those that a request is about. */
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Exchange {
  readonly title: string;
  readonly request: string;
  readonly answer: Answer;
}

const OK = 200;
const HEADERS = ["Host: h.example", "Connection: close", "X-ARR-LOG-ID: 1"];
const length = HEADERS.join("\r\n").length + 2;

const raw = (...lines: readonly string[]): string => [...lines, "", ""].join("\r\n");
const get = (target: string, ...headers: readonly string[]): string =>
  raw(`GET ${target} HTTP/1.1`, ...HEADERS, ...headers);
const withBody = (method: string, target: string, body: string, ...headers: readonly string[]): string =>
  raw(`${method} ${target} HTTP/1.1`, ...HEADERS, `Content-Length: ${body.length}`, ...headers) + body;
const post = (target: string, body: string, ...headers: readonly string[]): string =>
  withBody("POST", target, body, ...headers);
const item = { status: OK, name: "item", params: { id: "abc" } } as const;
const echoed = (headers: Readonly<Record<string, string>>): Answer => ({ status: OK, headers });
const refused = (status: number): Answer => ({ status });
const bytes = (text: string): string => Buffer.from(text).toString("latin1");
const json = "Content-Type: application/json";

/** What any host does. */
export const exchanges: readonly Exchange[] = [
  { title: "a dot segment", request: get("/api/x/../items/./abc"), answer: item },
  { title: "an encoded dot segment", request: get("/api/items/%2e%2E/items/abc"), answer: item },
  { title: "dot segments above the root", request: get("/../.%2e/api/items/abc"), answer: item },
  { title: "a dot segment at the end", request: get("/api/items/abc/x/.."), answer: item },
  { title: "a dot segment before an encoded slash", request: get("/api/items/..%2Fitems/abc"), answer: refused(404) },
  { title: "three dots", request: get("/api/items/..."), answer: { status: OK, name: "item", params: { id: "..." } } },
  {
    title: "a function's url, without the dot segments",
    request: get("/api/echo/a/../b?x=/../y"),
    answer: { status: OK, url: "http://h.example/api/echo/b?x=/../y", query: { x: "/../y" } },
  },
  { title: "an endpoint of the host by a dot segment", request: get("/api/../admin/host/ping"), answer: refused(OK) },
  { title: "an encoded NUL in the path", request: get("/api/echo/a%00"), answer: refused(400) },
  { title: "one in the query", request: get("/api/echo/a?b=%00"), answer: { status: OK, query: { b: "\0" } } },
  { title: "a path that is no ASCII", request: get(bytes("/api/echo/é")), answer: refused(400) },
  { title: "a request line of 8 KiB", request: get(`/api/echo/${"a".repeat(8167)}`), answer: refused(OK) },
  { title: "a request line beyond", request: get(`/api/echo/${"a".repeat(8168)}`), answer: refused(414) },
  { title: "one far beyond", request: get(`/api/echo/${"a".repeat(70_000)}`), answer: refused(414) },
  { title: "100 headers", request: get("/api/echo/x", ...numbered(97)), answer: refused(OK) },
  { title: "101 headers", request: get("/api/echo/x", ...numbered(98)), answer: refused(431) },
  { title: "3,000 headers", request: get("/api/echo/x", ...numbered(2997)), answer: refused(431) },
  { title: "32 KiB of headers", request: get("/api/echo/x", sized(32 * 1024)), answer: refused(OK) },
  { title: "a byte more", request: get("/api/echo/x", sized(32 * 1024 + 1)), answer: refused(431) },
  { title: "200 KB of headers", request: get("/api/echo/x", sized(200_000)), answer: refused(431) },
  { title: "a Latin-1 byte in a header", request: get("/api/echo/x", "X-A: caf\xe9"), answer: refused(400) },
  { title: "one where no function is", request: get("/nowhere", "X-A: caf\xe9"), answer: refused(400) },
  { title: "UTF-8 in a header", request: get("/api/echo/x", bytes("X-A: café")), answer: echoed({ "x-a": "café" }) },
  {
    title: "UTF-8 that the programming model cannot hold in a header",
    request: get("/api/echo/x", bytes("X-A: 5 €")),
    answer: refused(500),
  },
  {
    title: "a control character in a header",
    request: get("/api/echo/x", "X-A: a\x01"),
    answer: echoed({ "x-a": "a\x01" }),
  },
  { title: "a NUL in a header", request: get("/api/echo/x", "X-A: a\0"), answer: refused(400) },
  { title: "a space in a header's name", request: get("/api/echo/x", "X A: a"), answer: refused(400) },
  {
    title: "an empty second Authorization",
    request: get("/api/echo/x", "Authorization: Bearer a", "Authorization: "),
    answer: echoed({ authorization: "Bearer a" }),
  },
  {
    title: "an empty first Authorization",
    request: get("/api/echo/x", "Authorization:", "Authorization: Bearer a"),
    answer: echoed({ authorization: "Bearer a" }),
  },
  {
    title: "two Authorizations",
    request: get("/api/echo/x", "Authorization: Bearer a", "authorization: Bearer b"),
    answer: echoed({ authorization: "Bearer a,Bearer b" }),
  },
  {
    title: "repeated query keys, some of them empty",
    request: get("/api/echo/x?a=&a=1&a=2&b="),
    answer: { status: OK, query: { a: "1,2", b: "" } },
  },
  { title: "two Host headers", request: get("/api/echo/x", "Host: h.example"), answer: refused(400) },
  ...["a b", "a/b", "u@a", "a:b", "a:", "[::1", "a,b", "a?b", "a*"].map((host) => ({
    title: `the Host ${host}`,
    request: raw("GET /api/echo/x HTTP/1.1", `Host: ${host}`, "Connection: close"),
    answer: refused(400),
  })),
  {
    title: "a Host of odd characters",
    request: raw("GET /api/echo/x HTTP/1.1", "Host: a_b-c.d:81", "Connection: close"),
    answer: { status: OK, url: "http://a_b-c.d:81/api/echo/x" },
  },
  {
    title: "an absolute target of this host",
    request: get("http://H.example:80/api/items/../items/abc?x=1"),
    answer: item,
  },
  {
    title: "an absolute target of another host",
    request: get("http://other.example/api/items/abc"),
    answer: refused(400),
  },
  { title: "one of another port", request: get("http://h.example:81/api/items/abc"), answer: refused(400) },
  { title: "one of another scheme", request: get("ftp://h.example/api/items/abc"), answer: refused(400) },
  { title: "a target without a slash", request: get("api/items/abc"), answer: refused(400) },
  { title: "OPTIONS *", request: raw("OPTIONS * HTTP/1.1", ...HEADERS), answer: refused(404) },
  { title: "GET *", request: get("*"), answer: refused(405) },
  { title: "no version", request: raw("GET /api/echo/x", ...HEADERS), answer: refused(400) },
  ...["h.example", "/api/echo/x"].map((target) => ({
    title: `CONNECT ${target}`,
    request: raw(`CONNECT ${target} HTTP/1.1`, ...HEADERS),
    answer: refused(404),
  })),
  { title: "CONNECT to another host", request: raw("CONNECT h.example:81 HTTP/1.1", ...HEADERS), answer: refused(400) },
  { title: "HTTP/1.2", request: raw("GET /api/echo/x HTTP/1.2", ...HEADERS), answer: refused(505) },
  {
    title: "a chunked body",
    request: raw("POST /api/echo/x HTTP/1.1", ...HEADERS, "Transfer-Encoding: chunked") + "5\r\nhello\r\n0\r\n\r\n",
    answer: { status: OK, body: "" },
  },
  {
    title: "a chunked body beside a Content-Length",
    request:
      raw("POST /api/echo/x HTTP/1.1", ...HEADERS, "Content-Length: 3", "Transfer-Encoding: chunked") +
      "5\r\nhello\r\n0\r\n\r\n",
    answer: { status: OK, body: "", headers: { "transfer-encoding": "chunked" } },
  },
  {
    title: "two lengths",
    request: raw("POST /api/echo/x HTTP/1.1", ...HEADERS, "Content-Length: 1", "Content-Length: 1") + "a",
    answer: refused(400),
  },
  {
    title: "another transfer coding",
    request: raw("POST /api/echo/x HTTP/1.1", ...HEADERS, "Transfer-Encoding: gzip"),
    answer: refused(400),
  },
  { title: "a name that begins with admin", request: get("/api/things"), answer: { status: OK, name: "adminThings" } },
  { title: "a route that begins with admin", request: get("/api/adminByName"), answer: refused(404) },
  { title: "a route that begins with runtime", request: get("/api/runtime/things"), answer: refused(404) },
  {
    title: "a method that is not listed",
    request: raw("OPTIONS /api/items/abc HTTP/1.1", ...HEADERS),
    answer: refused(404),
  },
  { title: "HEAD where GET is listed", request: raw("HEAD /api/items/abc HTTP/1.1", ...HEADERS), answer: refused(404) },
  { title: "other case, and a slash at the end", request: get("/API/ITEMS/abc/"), answer: item },
  { title: "two slashes at the end", request: get("/api/items/abc//"), answer: refused(404) },
  {
    title: "an encoded slash in a parameter",
    request: get("/api/items/a%2Fb%20c"),
    answer: { status: OK, name: "item", params: { id: "a%2Fb c" } },
  },
  { title: "a handler that throws", request: get("/api/throws"), answer: refused(500) },
  { title: "a handler that returns nothing", request: get("/api/nothing"), answer: refused(204) },
  ...[99, 600].map((status) => ({
    title: `the status ${status}`,
    request: get(`/api/status/${status}`),
    answer: refused(500),
  })),
  {
    title: "X-Forwarded headers",
    request: get("/api/echo/x", "X-Forwarded-Host: other.example", "X-Forwarded-For: 192.0.2.1"),
    answer: { status: OK, url: "http://h.example/api/echo/x", headers: { "x-forwarded-host": "other.example" } },
  },
];

const administrators = [
  "GET /admin/host/status",
  "GET /admin/functions",
  "GET /admin/functions/item",
  "GET /admin/host/config",
  "GET /admin/instance/info",
  "POST /admin/functions/item",
] as const;

/** Those of which the embedded host has nothing to show: with the key it answers 404. */
const others = [
  "GET /admin/host/systemkeys",
  "GET /admin/host/functionkeys",
  "GET /admin/host/extensions",
  "GET /admin/host/processes",
  "GET /admin/host/drain/status",
  "GET /admin/host/extensionBundle/v1/templates",
  "GET /admin/host/keys/default",
  "DELETE /admin/host/keys/default",
  "POST /admin/host/drain",
  "POST /admin/host/synctriggers",
  "POST /admin/host/log",
  "POST /admin/host/scale/status",
  "PUT /admin/host/state",
  "GET /admin/functions/item/status",
  "GET /admin/functions/item/keys",
  "GET /admin/functions/item/keys/default",
  "PUT /admin/functions/item",
  "DELETE /admin/functions/item",
  "POST /admin/instance/assign",
] as const;

/**
 * The host's own endpoints.
 *
 * @param access how the host is set up, and whether the master key is sent
 */
export function ownEndpoints(access: "open" | "no key" | "key" | "key, isolated"): readonly Exchange[] {
  const key = access.startsWith("key") ? [`x-functions-key: ${MASTER_KEY}`] : [];
  const isAllowed = access !== "no key";
  const isIsolated = access === "key, isolated";
  const administration = isIsolated ? 403 : isAllowed ? undefined : 401;
  const ask = (endpoint: string, status: number): Exchange => {
    const [method = "", path = ""] = endpoint.split(" ");
    const request = method === "GET" ? get(path, ...key) : withBody(method, path, `{"input":""}`, json, ...key);
    return { title: `${endpoint} (${access})`, request, answer: refused(status) };
  };
  return [
    ask("GET /", isIsolated ? 204 : OK),
    ...["GET /admin/host/ping", "POST /admin/host/ping", "GET /admin/warmup", "GET /admin/instance/http-health"].map(
      (endpoint) => ask(endpoint, OK),
    ),
    ...administrators.map((endpoint) => ask(endpoint, administration ?? (endpoint.startsWith("POST") ? 202 : OK))),
    ...(administration === undefined ? [] : others.map((endpoint) => ask(endpoint, administration))),
    // Under Core Tools these depend on its storage.
    ...(access === "open" ? [] : [ask("GET /admin/host/keys", administration ?? OK)]),
    ask("POST /admin/functions/nobody", administration ?? 404),
    ask("POST /admin/functions/disabledHttp", administration ?? 202),
    ask("POST /admin/host/status", 404),
    ask("GET /admin/nothing", 404),
    ask("GET /admin/vfs/", isIsolated || !isAllowed ? 401 : 403),
    ask("GET /runtime/webhooks/x", isAllowed ? 404 : 401),
    ask("GET /runtime", 404),
    {
      title: `a function that asks for a key (${access})`,
      request: post("/api/guarded", "", ...key),
      answer: isAllowed ? { status: OK, name: "guarded" } : refused(401),
    },
    {
      title: `a disabled function (${access})`,
      request: get("/api/disabledHttp", ...key),
      answer: refused(key.length > 0 ? OK : 404),
    },
  ];
}

/**
 * Under `FUNCTIONS_REQUEST_BODY_SIZE_LIMIT` 1000. Of the last ones no byte of the body is sent: what answers them has not
 * waited for it.
 *
 * @param access as above
 */
export function limitedBodies(access: "key" | "key, isolated"): readonly Exchange[] {
  const announced = (target: string, ...headers: readonly string[]): string =>
    raw(`POST ${target} HTTP/1.1`, ...HEADERS, `Content-Length: ${90 * 1024 * 1024}`, json, ...headers);
  const key = `x-functions-key: ${MASTER_KEY}`;
  const toAdministrators = access === "key" ? 500 : 403;
  return [
    { title: "a body of the limit", request: post("/api/echo/x", "x".repeat(1000)), answer: refused(OK) },
    { title: "a body beyond the limit", request: post("/api/echo/x", "x".repeat(1001)), answer: refused(500) },
    { title: "one where no function is", request: post("/nowhere", "x".repeat(1001)), answer: refused(404) },
    {
      title: "one for administrators",
      request: post("/admin/functions/item", "x".repeat(1001), json, key),
      answer: refused(toAdministrators),
    },
    { title: "90 MiB, announced", request: announced("/api/echo/x"), answer: refused(500) },
    { title: "90 MiB, where a key is asked for", request: announced("/api/guarded"), answer: refused(401) },
    { title: "90 MiB, where no function is", request: announced("/nowhere"), answer: refused(404) },
    { title: "90 MiB, to ping", request: announced("/admin/host/ping"), answer: refused(OK) },
    { title: "90 MiB, without a key", request: announced("/admin/functions/item"), answer: refused(401) },
    { title: "90 MiB, with it", request: announced("/admin/functions/item", key), answer: refused(toAdministrators) },
  ];
}

/** Sends the bytes on a connection of their own, and picks from the answer what the exchange tells of. */
export async function send(port: number, { request, answer }: Exchange): Promise<Answer> {
  const socket = connect(port, "127.0.0.1");
  socket.write(Buffer.from(request, "latin1"));
  const received = await text(socket);
  const status = Number(/^HTTP\/1\.1 (\d+)/.exec(received)?.[1]);
  const body = received.slice(received.indexOf("\r\n\r\n") + 4).replace(/^[\da-f]+\r\n([^]*)\r\n0\r\n\r\n$/i, "$1");
  if (!body.startsWith("{")) return { status };
  const seen = JSON.parse(body) as Answer;
  const headers = answer.headers && {
    headers: Object.fromEntries(
      [...Object.keys(answer.headers), "content-length"].flatMap((name) => {
        const value = seen.headers?.[name];
        return value === undefined ? [] : [[name, value] as const];
      }),
    ),
  };
  const wanted = Object.keys(answer).filter((key) => key !== "status" && key !== "headers") as (keyof Answer)[];
  return { status, ...Object.fromEntries(wanted.map((key) => [key, seen[key]])), ...headers };
}

function numbered(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `X-${index}: v`);
}

/** A header with which all of them take so many bytes. */
function sized(total: number): string {
  return `X-A: ${"a".repeat(total - length - "X-A: \r\n".length)}`;
}
