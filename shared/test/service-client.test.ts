import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createServiceClient, type ServiceClient } from "../service-client/index.ts";

const TOKEN = "abc.def.ghi";

let server: Server;
let client: ServiceClient;
let requests: IncomingMessage[];
let bodies: string[];
let answers: ((response: ServerResponse) => void)[];

const status =
  (code: number, headers = {}, body = "{}") =>
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
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  client = createServiceClient({ origin, getToken: () => Promise.resolve(TOKEN) });
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
});

test("sends the token as a bearer token, the trace context and the body with its length", async () => {
  const traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const outcome = await client({ method: "PUT", path: "/api/x", body: { a: 1 }, traceParent });
  expect(outcome).toEqual({ kind: "answer", status: 200, body: { ok: true }, refusedBy: undefined });
  expect(requests[0]?.headers).toMatchObject({
    authorization: `Bearer ${TOKEN}`,
    traceparent: traceParent,
    "content-type": "application/json",
    "content-length": "7", // the Functions host hands a chunked body on as an empty one
  });
  expect(bodies).toEqual(['{"a":1}']);
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
  test("a POST", async () => {
    answers = [status(503)];
    expect(await client({ method: "POST", path: "/" })).toMatchObject({ status: 503 });
    expect(requests).toHaveLength(1);
  });
});

describe("never carries the token elsewhere", () => {
  test("a redirect is an answer like others", async () => {
    answers = [status(307, { Location: "http://127.0.0.1:1/elsewhere" })];
    expect(await client({ method: "GET", path: "/" })).toMatchObject({ status: 307 });
    expect(requests).toHaveLength(1);
  });
  test("no failure's reason contains it", async () => {
    answers = Array.from({ length: 3 }, () => (response: ServerResponse) => response.socket?.destroy());
    const outcome = await client({ method: "GET", path: "/" });
    expect(outcome.kind).toBe("no-answer");
    expect(JSON.stringify(outcome)).not.toContain(TOKEN);
  });
});

test("sends nothing without a token, and says why there is none", async () => {
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tokenless = createServiceClient({
    origin,
    getToken: () => Promise.reject(new Error("AADSTS501051: not assigned")),
  });
  expect(await tokenless({ method: "GET", path: "/" })).toEqual({
    kind: "no-token",
    reason: "AADSTS501051: not assigned",
  });
  expect(requests).toHaveLength(0);
});

test("a call that is broken off ends, unanswered", async () => {
  const abort = new AbortController();
  answers = [
    () => {
      abort.abort();
    },
  ];
  expect(await client({ method: "GET", path: "/", signal: abort.signal })).toMatchObject({ kind: "no-answer" });
  expect(requests).toHaveLength(1);
});

test("an answer that is not JSON is handed on as text", async () => {
  answers = [status(200, { "Content-Type": "text/html" }, "<html>a captive portal</html>")];
  expect(await client({ method: "GET", path: "/" })).toMatchObject({
    status: 200,
    body: "<html>a captive portal</html>",
  });
});
