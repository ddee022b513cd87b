import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import type { TokenSource } from "../identity/index.ts";
import { createServiceClient, type ServiceClient, type ServiceOutcome } from "../service-client/index.ts";

const TOKEN = "abc.def.ghi";

const tokensOf = (get: () => Promise<string>, renew = get): TokenSource => ({ get, renew });
const tokens = tokensOf(() => Promise.resolve(TOKEN));

let server: Server;
let origin: string;
let client: ServiceClient;
let requests: IncomingMessage[];
let bodies: string[];
let answers: ((response: ServerResponse) => void)[];

const status =
  (code: number, headers = {}, body: string | Uint8Array = "{}") =>
  (response: ServerResponse) =>
    response.writeHead(code, { "Content-Type": "application/json", ...headers }).end(body);

beforeEach(async () => {
  requests = [];
  bodies = [];
  answers = [];
  server = createServer((request, response) => {
    requests.push(request);
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      bodies.push(body);
      (answers.shift() ?? status(200, {}, '{"ok":true}'))(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = createServiceClient({ origin, tokens });
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test("sends the token as a bearer token, the trace context and the body with its length", async () => {
  const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const outcome = await client({ method: "PUT", path: "/api/x", body: { a: 1 }, traceParent });
  expect(outcome).toEqual({ kind: "response", status: 200, body: { ok: true }, refusedBy: undefined, tries: 1 });
  expect(requests[0]?.headers).toMatchObject({
    authorization: `Bearer ${TOKEN}`,
    traceparent: traceParent,
    "content-type": "application/json",
    "content-length": "7", // the Functions host hands a chunked body on as an empty one
  });
  expect(bodies).toEqual(['{"a":1}']);
});

test.each<["PUT" | "POST" | "DELETE", unknown, string]>([
  ["DELETE", { a: "ü" }, '{"a":"ü"}'],
  ["POST", "text, not JSON", "text, not JSON"],
  ["PUT", new TextEncoder().encode("bytes"), "bytes"],
  ["PUT", undefined, ""],
])("sends the body of a %s with its length: %j", async (method, body, sent) => {
  await client({ method, path: "/", body, headers: { "content-type": "text/plain" } });
  expect(bodies).toEqual([sent]);
  const { headers } = requests[0] ?? {};
  expect(headers).toMatchObject({ "content-type": "text/plain", "content-length": String(Buffer.byteLength(sent)) });
  expect(headers).not.toHaveProperty("transfer-encoding");
});

test("reads a compressed response", async () => {
  answers = [status(200, { "Content-Encoding": "gzip" }, gzipSync('{"ok":true}'))];
  expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 200, body: { ok: true } });
});

test("ends in time where the service changes the protocol", async () => {
  server.on("connection", (socket) =>
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
  );
  expect(await client({ method: "GET", path: "/", deadlineMs: 100 })).toMatchObject({ kind: "no-response" });
});

test("sends further headers, and nothing at all with one that it sets itself", async () => {
  await client({ method: "GET", path: "/", headers: { "If-None-Match": '"1"', "content-type": "text/plain" } });
  expect(requests[0]?.headers).toMatchObject({ "if-none-match": '"1"', authorization: `Bearer ${TOKEN}` });
  await expect(client({ method: "GET", path: "/", headers: { authorization: "Basic x" } })).rejects.toThrow(TypeError);
  expect(requests).toHaveLength(1);
});

describe("limits", () => {
  test("replace the default ones", async () => {
    const limited = createServiceClient({ origin, tokens, limits: { retries: 0, responseBytes: 11 } });
    answers = [status(503)];
    expect(await limited({ method: "GET", path: "/" })).toMatchObject({ status: 503, tries: 1 });
    answers = [status(200, {}, '"more than ten bytes"')];
    expect(await limited({ method: "GET", path: "/" })).toMatchObject({ kind: "no-response" });
    expect(await limited({ method: "GET", path: "/" })).toMatchObject({ status: 200, body: { ok: true } });
  });

  test("end a try, and a call with all its tries", async () => {
    answers = Array.from({ length: 5 }, () => () => undefined);
    const oneTry = createServiceClient({ origin, tokens, limits: { tryTimeoutMs: 100, retries: 1 } });
    expect(await oneTry({ method: "GET", path: "/" })).toMatchObject({ reason: "no response in time", tries: 2 });
    const whole = createServiceClient({ origin, tokens, limits: { deadlineMs: 100 } });
    expect(whole.deadlineMs).toBe(100);
    expect(await whole({ method: "GET", path: "/" })).toMatchObject({ reason: "no response in time" });
    // The only try of a POST, too.
    const long = createServiceClient({ origin, tokens, limits: { deadlineMs: 100, tryTimeoutMs: 300_000 } });
    expect(await long({ method: "POST", path: "/" })).toMatchObject({ reason: "no response in time", tries: 1 });
  });

  test("hold further calls back", async () => {
    const single = createServiceClient({ origin, tokens, limits: { calls: 1 } });
    const waiting: ServerResponse[] = [];
    answers = [(response) => waiting.push(response)];
    const calls = [single({ method: "GET", path: "/1" }), single({ method: "GET", path: "/2" })];
    await vi.waitFor(() => {
      expect(waiting).toHaveLength(1);
    });
    expect(requests).toHaveLength(1);
    for (const response of waiting) response.end("{}");
    expect(await Promise.all(calls)).toMatchObject([{ status: 200 }, { status: 200 }]);
    expect(requests).toHaveLength(2);
  });
});

test("keeps the connection", async () => {
  await client({ method: "GET", path: "/" });
  await client({ method: "GET", path: "/" });
  expect(requests[1]?.socket).toBe(requests[0]?.socket);
});

describe("tells who refused", () => {
  test("the network: the front end names the address", async () => {
    answers = [status(403, { "x-ms-forbidden-ip": "203.0.113.10" }, "<html>Ip Forbidden</html>")];
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 403, refusedBy: "network" });
  });
  test.each([401, 403])("the service: %i", async (code) => {
    answers = [status(code)];
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: code, refusedBy: "authorization" });
  });
  test("nobody: a header of that name on another answer", async () => {
    answers = [status(404, { "x-ms-forbidden-ip": "203.0.113.10" })];
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 404, refusedBy: undefined });
  });
});

describe("repeats", () => {
  test.each([408, 429, 500, 502, 503])("an idempotent call answered with %i", async (code) => {
    answers = [status(code), status(code)];
    expect(await client({ method: "PUT", path: "/" })).toMatchObject({ status: 200 });
    expect(requests).toHaveLength(3);
  });
  test("an idempotent call whose connection broke", async () => {
    answers = [(response) => response.socket?.destroy()];
    expect(await client({ method: "PUT", path: "/" })).toMatchObject({ status: 200 });
    expect(requests).toHaveLength(2);
  });
  test("an idempotent call whose connection broke within the response", async () => {
    answers = [
      (response) => {
        response.writeHead(200, { "Content-Length": 100 }).write('{"ok":', () => response.socket?.destroy());
      },
    ];
    expect(await client({ method: "PUT", path: "/" })).toMatchObject({ status: 200, tries: 2 });
  });
  test("twice at the most, and gives the last answer", async () => {
    answers = [503, 503, 503, 200].map((code) => status(code));
    expect(await client({ method: "PUT", path: "/" })).toMatchObject({ status: 503 });
    expect(requests).toHaveLength(3);
  });
});

describe("does not repeat", () => {
  test.each([400, 401, 403, 404, 409])("a call answered with %i", async (code) => {
    answers = [status(code)];
    await client({ method: "PUT", path: "/" });
    expect(requests).toHaveLength(1);
  });
  test.each(["POST", "post", "PATCH"])("a %s", async (method) => {
    answers = [status(503)];
    expect(await client({ method: method as "POST", path: "/" })).toMatchObject({ status: 503 });
    expect(requests).toHaveLength(1);
  });
});

describe("never carries the token elsewhere", () => {
  /** Another host, and every request that it gets. */
  let foreign: string;
  let received: IncomingMessage[];

  beforeEach(async () => {
    received = [];
    const elsewhere = createServer((request, response) => {
      received.push(request);
      response.end("{}");
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void elsewhere.close());
    foreign = `127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  });

  test.each([301, 302, 303, 307, 308])("a redirect is an answer like others: %i to another host", async (code) => {
    answers = [status(code, { Location: `http://${foreign}/elsewhere` })];
    expect(await client({ method: "PUT", path: "/", body: {} })).toMatchObject({ status: code });
    expect(requests).toHaveLength(1);
    expect(received).toEqual([]);
  });

  test.each<[string, (host: string) => string]>([
    ["an absolute URL", (host) => `http://${host}/steal`],
    ["an absolute URL in capitals", (host) => `HTTP://${host}/steal`],
    ["an absolute URL without slashes", (host) => `http:${host}/steal`],
    ["an absolute URL after a tab", (host) => `\thttp://${host}/steal`],
    ["an absolute URL after a path", (host) => `/http://${host}/steal`],
    ["another host", (host) => `//${host}/steal`],
    ["another host after a slash too many", (host) => `///${host}/steal`],
    ["another host behind backslashes", (host) => `\\\\${host}/steal`],
    ["another host behind both slashes", (host) => `/\\${host}/steal`],
    ["another host behind a tab", (host) => `/\t/${host}/steal`],
    ["a host that is none", () => "//[/steal"],
    ["the origin as user information", (host) => `@${host}/steal`],
    ["an at sign in the path", (host) => `/@${host}/steal`],
  ])("a path is none that names %s", async (_, path) => {
    await expect(client({ method: "GET", path: path(foreign) })).rejects.toThrow("A request's path begins with '/'");
    expect(received).toEqual([]);
    expect(requests).toEqual([]);
  });

  test("no proxy of the environment is asked", async () => {
    for (const name of ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]) vi.stubEnv(name, `http://${foreign}`);
    for (const name of ["NO_PROXY", "no_proxy"]) vi.stubEnv(name, "");
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await client({ method: "GET", path: "/api/x" })).toMatchObject({ status: 200 });
    expect(received).toEqual([]);
  });

  test("no failure's reason contains it", async () => {
    answers = Array.from({ length: 3 }, () => (response: ServerResponse) => response.socket?.destroy());
    const outcome = await client({ method: "GET", path: "/" });
    expect(outcome.kind).toBe("no-response");
    expect(JSON.stringify(outcome)).not.toContain(TOKEN);
  });
});

describe("a path", () => {
  test.each([
    [".. as a segment", "/api/item/../admin"],
    [".. as the last segment", "/api/item/.."],
    [". as a segment", "/api/./item"],
    ["an encoded dot segment", "/api/%2e%2e/admin"],
    ["a dot segment, half of it encoded", "/api/.%2E/admin"],
    ["a dot segment behind an encoded slash", "/api/a%2f..%2fadmin"],
    ["a dot segment behind an encoded backslash", "/api/a%5c..%5cadmin"],
    ["a dot segment that is encoded twice", "/api/%252e%252e/admin"],
    ["a dot segment that is encoded three times", "/api/%25252e%25252e/admin"],
    ["a dot segment, encoded before a percent sign that encodes nothing", "/api/%252e%252e%252f%25"],
    ["a single dot that is encoded twice", "/api/%252e/admin"],
    ["what is encoded four times", "/api/%25252541"],
    ["a backslash", "/api\\item"],
    ["a backslash in place of a slash", "/api/..\\admin"],
    ["an empty segment", "/api//item"],
    ["a fragment", "/api/item#1"],
    ["a control character", "/api/item\u0000"],
    ["a line end", "/api/item\r\nHost: other"],
    ["an encoded control character", "/api/item%0d%0aHost"],
    ["a space", "/api/a item"],
    ["a letter that is not encoded", "/api/größe"],
    ["a percent sign that encodes nothing", "/api/100%"],
    ["bytes that are not UTF-8", "/api/%ff"],
    ["no slash", "api/item"],
    ["nothing", ""],
  ])("is refused with %s", async (_, path) => {
    await expect(client({ method: "GET", path })).rejects.toThrow(TypeError);
    expect(requests).toEqual([]);
  });

  test("that is refused is named, up to 200 characters", async () => {
    const path = "x".repeat(300);
    await expect(client({ method: "GET", path })).rejects.toThrow(`found "${"x".repeat(200)}".`);
  });

  test("is refused where it is no text", async () => {
    const path = { toString: () => "/api/item" } as unknown as string;
    await expect(client({ method: "GET", path })).rejects.toThrow("found object");
  });

  test.each([
    "/",
    "/api/item/",
    "/api/item/record-1.5_a~b",
    "/api/item?unit=kg&of=a%26b&path=/../x&mail=a@b",
    `/api/item/${encodeURIComponent("a/b ..\\c% größe:@#?")}`,
    "/api/item/..a/...",
    "/api/item/%252541",
  ])("reaches the service as it is: %s", async (path) => {
    expect(await client({ method: "GET", path })).toMatchObject({ status: 200 });
    expect(requests.map(({ url }) => url)).toEqual([path]);
  });
});

test("sends nothing without a token, and says why there is none", async () => {
  const none = tokensOf(() => Promise.reject(new Error("AADSTS501051: not assigned\r\nTrace ID: 1")));
  expect(await createServiceClient({ origin, tokens: none })({ method: "GET", path: "/" })).toEqual({
    kind: "no-token",
    reason: expect.stringMatching(/^this app is assigned no role.*AADSTS501051: not assigned Trace ID: 1/) as string,
    tries: 0,
  });
  expect(requests).toHaveLength(0);
});

test("a failure after a try that was sent is that try's, not that of the token for the next one", async () => {
  let asked = 0;
  const ending = tokensOf(() => (++asked <= 1 ? Promise.resolve(TOKEN) : Promise.reject(new Error("Entra is down"))));
  answers = [status(503)];
  const outcome = await createServiceClient({ origin, tokens: ending })({ method: "PUT", path: "/" });
  expect(outcome).toMatchObject({ kind: "response", status: 503, tries: 1 });
  expect(requests).toHaveLength(1);
});

/** The outcome of a call, however long it takes. */
async function later(call: () => Promise<ServiceOutcome>): Promise<ServiceOutcome | undefined> {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const outcomes: ServiceOutcome[] = [];
  void call().then((one) => outcomes.push(one));
  while (outcomes.length === 0) {
    await vi.advanceTimersByTimeAsync(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return outcomes[0];
}

describe("a request's own deadline", () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
  });

  /** The outcome when these milliseconds have passed; undefined if the call is not over then. */
  async function outcomeAfter(ms: number, call: Promise<ServiceOutcome>): Promise<ServiceOutcome | undefined> {
    await vi.advanceTimersByTimeAsync(ms);
    const tick = new Promise<undefined>((resolve) => setImmediate(resolve, undefined));
    return Promise.race([call, tick]);
  }
  async function hang(method: "PUT" | "POST"): Promise<ServiceOutcome | undefined> {
    const { promise: arrived, resolve } = Promise.withResolvers<unknown>();
    answers = [
      () => {
        resolve(undefined);
      },
    ];
    const call = client({ method, path: "/", deadlineMs: 1_000 });
    await arrived;
    expect(await outcomeAfter(999, call)).toBeUndefined();
    return outcomeAfter(1, call);
  }

  test.each(["PUT", "POST"] as const)("ends a %s that gets no answer, and its connection", async (method) => {
    expect(await hang(method)).toEqual({ kind: "no-response", reason: "no response in time", tries: 1 });
    vi.useRealTimers();
    await expect.poll(() => requests[0]?.socket.destroyed).toBe(true);
    expect(requests).toHaveLength(1);
  });
  test("counts for the circuit", async () => {
    for (let i = 0; i < 10; i++) expect(await hang("POST")).toMatchObject({ kind: "no-response" });
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ kind: "held-back" });
  });
  test("ends the wait for the next try, which is not made", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => {
      timers.mockRestore();
    });
    answers = [status(503, { "Retry-After": "2" })];
    const call = client({ method: "PUT", path: "/", deadlineMs: 1_000 });
    const isWaiting = (): boolean => timers.mock.calls.some(([, ms = 0]) => ms > 2_000 && ms < 3_000);
    for (let turn = 0; !isWaiting() && turn < 10_000; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(isWaiting()).toBe(true);
    expect(await outcomeAfter(1_000, call)).toMatchObject({ kind: "response", status: 503, tries: 1 });
    await vi.advanceTimersByTimeAsync(20_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(requests).toHaveLength(1);
  });
  test("ends the wait for another call's probe: held back, and no attempt", async () => {
    for (let i = 0; i < 10; i++) await hang("POST");
    const clock = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 2_000);
    onTestFinished(() => {
      clock.mockRestore();
    });
    const { promise: arrived, resolve } = Promise.withResolvers<unknown>();
    answers = [
      () => {
        resolve(undefined);
      },
    ];
    void client({ method: "POST", path: "/probe" });
    await arrived;
    const waiting = client({ method: "POST", path: "/", deadlineMs: 1_000 });
    expect(await outcomeAfter(1_000, waiting)).toEqual({ kind: "held-back", reason: "no turn in time", tries: 0 });
    expect(requests).toHaveLength(11);
  });
  test("ends the wait for the token: nothing is sent", async () => {
    const call = createServiceClient({ origin, tokens: tokensOf(() => new Promise(() => undefined)) });
    await import("../on-demand/http.ts");
    const outcome = await outcomeAfter(1_000, call({ method: "GET", path: "/", deadlineMs: 1_000 }));
    expect(outcome).toMatchObject({ kind: "no-token", tries: 0 });
    expect(requests).toHaveLength(0);
  });
});

describe("a token source that never answers", () => {
  const never = (): Promise<string> => new Promise(() => undefined);
  const once = (): (() => Promise<string>) => {
    let asked = 0;
    return () => (asked++ === 0 ? Promise.resolve(TOKEN) : never());
  };
  const outcomeLater = (source: TokenSource): Promise<unknown> =>
    later(() => createServiceClient({ origin, tokens: source })({ method: "GET", path: "/" }));
  const inTime = expect.stringContaining("the token source gave no token in time") as string;

  test("before the call: nothing is sent", async () => {
    expect(await outcomeLater(tokensOf(never))).toEqual({ kind: "no-token", reason: inTime, tries: 0 });
    expect(requests).toHaveLength(0);
  });
  test("for a second try: the outcome of the first stays", async () => {
    answers = [status(503)];
    expect(await outcomeLater(tokensOf(once()))).toMatchObject({ kind: "response", status: 503, tries: 1 });
    expect(requests).toHaveLength(1);
  });
  test("for a newer token: the answer stays", async () => {
    answers = [status(401, { "WWW-Authenticate": 'Bearer error="invalid_token"' })];
    const source = tokensOf(() => Promise.resolve(TOKEN), never);
    expect(await outcomeLater(source)).toMatchObject({ kind: "response", status: 401, advice: inTime });
  });
  test("before the call: the app can break it off", async () => {
    const abort = new AbortController();
    const call = createServiceClient({ origin, tokens: tokensOf(never) });
    const outcome = call({ method: "GET", path: "/", signal: abort.signal });
    setImmediate(() => {
      abort.abort();
    });
    expect(await outcome).toMatchObject({ kind: "held-back", reason: "aborted by this app", tries: 0 });
  });
  test("not waited for where the app has broken it off before", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    const call = createServiceClient({ origin, tokens: tokensOf(never) });
    const outcome = await call({ method: "GET", path: "/", signal: AbortSignal.abort() });
    expect(outcome).toMatchObject({ kind: "held-back", reason: "aborted by this app", tries: 0 });
  });
  test("for a second try: the app can break it off", async () => {
    answers = [status(503)];
    const abort = new AbortController();
    const get = vi.fn(once());
    const call = createServiceClient({ origin, tokens: tokensOf(get) });
    const outcome = call({ method: "GET", path: "/", signal: abort.signal });
    await vi.waitFor(() => {
      expect(get).toHaveBeenCalledTimes(2);
    });
    abort.abort();
    expect(await outcome).toMatchObject({ kind: "response", status: 503, tries: 1 });
  });
});

test.each<["POST" | "GET", number]>([
  ["POST", 1],
  ["GET", 3],
])("a service that never answers a %s: no response in time, after %i tries", async (method, tries) => {
  answers = Array.from({ length: 3 }, () => () => undefined);
  const outcome = await later(() => client({ method, path: "/" }));
  expect(outcome).toEqual({ kind: "no-response", reason: "no response in time", tries });
});

test("an error that comes after the token is no lack of a token", async () => {
  const outcome = await client({ method: "PUT", path: "/", body: { quantity: 1n } }); // not to be written as JSON
  expect(outcome).toMatchObject({ kind: "no-response", reason: "TypeError" });
});

test("a call that is broken off ends, unanswered", async () => {
  const abort = new AbortController();
  answers = [
    () => {
      abort.abort();
    },
  ];
  expect(await client({ method: "GET", path: "/", signal: abort.signal })).toEqual({
    kind: "held-back",
    reason: "aborted by this app",
    tries: 1,
  });
  expect(requests).toHaveLength(1);
});

test("an answer that is not JSON is handed on as text", async () => {
  answers = [status(200, { "Content-Type": "text/html" }, "<html>a captive portal</html>")];
  expect(await client({ method: "GET", path: "/" })).toMatchObject({
    status: 200,
    body: "<html>a captive portal</html>",
  });
});

describe("an answer", () => {
  test("that is not UTF-8 has no body, whatever it looks like", async () => {
    const bytes = Buffer.from('{"id":"m-1?"}');
    bytes[bytes.indexOf("?")] = 0xff;
    answers = [(response) => response.writeHead(200, { "Content-Type": "application/json" }).end(bytes)];
    expect(await client({ method: "GET", path: "/" })).toMatchObject({
      kind: "response",
      status: 200,
      body: undefined,
    });
  });

  test("of more than a mebibyte is none", async () => {
    const text = (length: number): string => JSON.stringify("x".repeat(length - 2));
    answers = [status(200, {}, text(1024 * 1024)), status(200, {}, text(1024 * 1024 + 1))];
    expect(await client({ method: "POST", path: "/" })).toMatchObject({ kind: "response", status: 200 });
    expect(await client({ method: "POST", path: "/" })).toMatchObject({ kind: "no-response" });
  });

  test.each<[string, unknown]>([
    ["is an object", { toString: 1 }],
    ["has 40,000 characters", "x".repeat(40_000)],
  ])("of 403 whose code %s is a refusal like others", async (_, code) => {
    answers = [status(403, {}, JSON.stringify({ code }))];
    const outcome = await client({ method: "GET", path: "/" });
    expect(outcome).toMatchObject({ kind: "response", status: 403, refusedBy: "authorization" });
    expect(outcome).not.toHaveProperty("advice");
  });
});

describe("Retry-After", () => {
  test("is waited for where it is short", async () => {
    answers = [status(429, { "Retry-After": "1" })];
    const began = performance.now();
    expect(await client({ method: "PUT", path: "/" })).toMatchObject({ status: 200, tries: 2 });
    expect(performance.now() - began).toBeGreaterThanOrEqual(990);
  });
  test("is handed on where it is long, and the call not repeated", async () => {
    answers = [status(503, { "Retry-After": "120" })];
    expect(await client({ method: "PUT", path: "/" })).toMatchObject({ status: 503, retryAfterMs: 120_000, tries: 1 });
    expect(requests).toHaveLength(1);
  });
});

describe("an answer of 401 invalid_token", () => {
  const invalid = status(401, { "WWW-Authenticate": 'Bearer error="invalid_token"' }, '{"code":"token-expired"}');

  test("gets a newer token and asks once more, also for a POST", async () => {
    const renewing = tokensOf(
      () => Promise.resolve("old"),
      () => Promise.resolve("new"),
    );
    answers = [invalid];
    const call = createServiceClient({ origin, tokens: renewing });
    expect(await call({ method: "POST", path: "/" })).toMatchObject({ status: 200, tries: 1 });
    expect(requests.map(({ headers }) => headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
  });
  test("says so where the same token comes back, and does not ask again", async () => {
    answers = [invalid];
    const outcome = await client({ method: "GET", path: "/" });
    expect(outcome).toMatchObject({ status: 401, advice: expect.stringContaining("the same one came back") as string });
    expect(requests).toHaveLength(1);
  });
  test("stays the answer where there is no newer token, and says why", async () => {
    const ended = tokensOf(
      () => Promise.resolve(TOKEN),
      () => Promise.reject(new Error("AADSTS501051: not assigned")),
    );
    answers = [invalid];
    expect(await createServiceClient({ origin, tokens: ended })({ method: "GET", path: "/" })).toMatchObject({
      ...{ kind: "response", status: 401, tries: 1 },
      advice: expect.stringMatching(/^asked for a newer token, there is none: this app is assigned no role/) as string,
    });
  });
  test.each<[string, number, string]>([
    ["a 401 without that error", 401, "Bearer"],
    ["another status with it", 403, 'Bearer error="invalid_token"'],
  ])("and no other: %s leaves the token alone", async (_, code, challenge) => {
    const tokens = tokensOf(
      () => Promise.resolve(TOKEN),
      () => Promise.reject(new Error("must not be asked for")),
    );
    answers = [status(code, { "WWW-Authenticate": challenge })];
    const outcome = await createServiceClient({ origin, tokens })({ method: "GET", path: "/" });
    expect(outcome).toMatchObject({ status: code, refusedBy: "authorization" });
    expect(outcome).not.toHaveProperty("advice");
  });
});

test.each([
  ["role-missing", "grant this app the role"],
  ["caller-not-allowed", "list of allowed callers"],
])("403 %s: says what to do", async (code, advice) => {
  answers = [status(403, {}, JSON.stringify({ code }))];
  expect(await client({ method: "GET", path: "/" })).toMatchObject({
    advice: expect.stringContaining(advice) as string,
  });
});

test("an answer that is no refusal gets no advice, whatever its code", async () => {
  answers = [status(404, {}, JSON.stringify({ code: "role-missing" }))];
  expect(await client({ method: "GET", path: "/" })).not.toHaveProperty("advice");
});

describe("the circuit", () => {
  const fail = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await client({ method: "POST", path: "/" });
  };

  test("opens when most calls fail: nothing is sent for a moment; then one probe closes it", async () => {
    answers = Array.from({ length: 10 }, () => status(500));
    await fail(10);
    const held = await Promise.all([1, 2, 3].map(() => client({ method: "PUT", path: "/" })));
    const reason = "the service has failed repeatedly, and gets no calls for a moment";
    expect(held).toEqual([1, 2, 3].map(() => ({ kind: "held-back", reason, tries: 0 })));
    expect(requests).toHaveLength(10);
    await expect.poll(() => client({ method: "GET", path: "/" }), { timeout: 10_000 }).toMatchObject({ status: 200 });
    expect(requests).toHaveLength(11);
  });
  test.each([401, 403, 404, 409, 429])("stays closed while the service answers %i", async (code) => {
    answers = Array.from({ length: 15 }, () => status(code));
    await fail(15);
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 200 });
  });
  const busy = JSON.stringify({ title: "Service Unavailable", status: 503, code: "busy" });
  const problem = { "Content-Type": "application/problem+json" };
  const retryAfter = { "Retry-After": "1" };
  test.each(["application/problem+json", "Application/Problem+JSON ; charset=utf-8"])(
    "stays closed while the service puts requests off: 503, Retry-After and %s",
    async (type) => {
      answers = Array.from({ length: 15 }, () => status(503, { "Content-Type": type, ...retryAfter }, busy));
      await fail(15);
      expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 200 });
    },
  );
  test.each<[string, number, object, string]>([
    ["no Retry-After", 503, problem, busy],
    ["a Retry-After that is none", 503, { ...problem, "Retry-After": "soon" }, busy],
    ["a Retry-After and JSON of another type", 503, retryAfter, busy],
    [
      "a Retry-After and a type that begins alike",
      503,
      { "Content-Type": "application/problem+jsonx", ...retryAfter },
      busy,
    ],
    [
      "a Retry-After and a page",
      503,
      { "Content-Type": "text/html", ...retryAfter },
      "<html>Service Unavailable</html>",
    ],
    ["a problem document without code", 503, { ...problem, ...retryAfter }, '{"title":"Service Unavailable"}'],
    ["a code that can be none", 503, { ...problem, ...retryAfter }, '{"code":"so busy"}'],
    ["storage-unavailable", 503, { ...problem, ...retryAfter }, busy.replace("busy", "storage-unavailable")],
    ["keys-unavailable", 503, { ...problem, ...retryAfter }, busy.replace("busy", "keys-unavailable")],
    ["another status", 502, { ...problem, ...retryAfter }, busy],
  ])("opens where the answers have %s", async (_, code, headers, body) => {
    answers = Array.from({ length: 10 }, () => status(code, headers, body));
    await fail(10);
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ kind: "held-back" });
  });
  test("stays closed where the app itself breaks calls off", async () => {
    for (let i = 0; i < 15; i++) {
      const abort = new AbortController();
      answers = [
        () => {
          abort.abort();
        },
      ];
      await client({ method: "POST", path: "/", signal: abort.signal });
    }
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 200 });
  });
});

test("holds back what is too much: 64 calls at once, 1,000 that wait", async () => {
  const waiting: ServerResponse[] = [];
  answers = Array.from({ length: 64 }, () => (response: ServerResponse) => waiting.push(response));
  const calls = Array.from({ length: 1066 }, () => client({ method: "GET", path: "/" }));
  await expect.poll(() => waiting.length).toBe(64);
  for (const response of waiting) status(200)(response);
  const outcomes = await Promise.all(calls);
  expect(outcomes.filter(({ kind }) => kind === "response")).toHaveLength(1064);
  const reason = "too many calls to the service are under way";
  expect(outcomes.filter(({ kind }) => kind !== "response")).toEqual(
    [1, 2].map(() => ({ kind: "held-back", reason, tries: 0 })),
  );
});
