import { rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { lineLike, run, sendRaw, stage, start, type RunningHost } from "./host-fixture.ts";

interface Echo {
  readonly method: string;
  readonly url: string;
  readonly params: Record<string, string>;
  readonly headers: Record<string, string>;
  readonly query: Record<string, string>;
  readonly body: string;
  readonly trace: { readonly traceParent: string; readonly traceState?: string };
}

const bodyOf = (answer: string): string => answer.slice(answer.indexOf("\r\n\r\n") + 4);

describe("the embedded Functions host, over HTTP", () => {
  let host: RunningHost;
  beforeAll(async () => {
    host = await start(await stage("http-app.ts"));
  });
  afterAll(async () => {
    await host.stop();
    await rm(host.folder, { recursive: true });
  });

  const call = (path: string, init?: RequestInit): Promise<Response> => fetch(host.url + path, init);
  const echo = async (path: string, init?: RequestInit): Promise<Echo> =>
    (await call(path, init)).json() as Promise<Echo>;
  const served = async (path: string): Promise<unknown> => {
    const response = await call(path);
    return response.status === 200 ? response.json() : response.status;
  };

  describe("routes", () => {
    it("serves a function without a route under its name and the prefix api", async () => {
      expect(await served("/api/defaultRoute")).toEqual({ name: "defaultRoute", params: {} });
      expect(await served("/defaultRoute")).toBe(404);
    });

    it("does not distinguish case", async () => {
      expect(await served("/API/DEFAULTroute")).toMatchObject({ name: "defaultRoute" });
    });

    it("ignores one slash at the end, but not two", async () => {
      expect(await served("/api/items/7/")).toMatchObject({ name: "item", params: { id: "7" } });
      expect(await served("/api/items/7//")).toBe(404);
    });

    it("prefers literal segments to parameters", async () => {
      expect(await served("/api/items/new")).toMatchObject({ name: "newItems" });
      expect(await served("/api/items/twelve")).toMatchObject({ name: "item" });
    });

    it("leaves %2F encoded in parameters and decodes other escapes", async () => {
      expect(await served("/api/items/a%2Fb%20c%C3%A9")).toMatchObject({ params: { id: "a%2Fb cé" } });
    });

    it("gives a catch-all parameter the rest of the path", async () => {
      expect((await echo("/api/echo/a/b/c")).params).toEqual({ rest: "a/b/c" });
    });

    it.each(["DELETE", "OPTIONS", "HEAD", "PATCH"])(
      "answers %s, which the function does not list, with 404",
      async (method) => {
        const response = await call("/api/defaultRoute", { method });
        expect([response.status, await response.text()]).toEqual([404, ""]);
      },
    );

    it("does not serve a function whose route begins with a reserved word, and says so; its name decides nothing", async () => {
      expect(await served("/api/things")).toMatchObject({ name: "adminThings" });
      expect(await served("/api/adminByName")).toBe(404);
      expect(await served("/api/runtime/things")).toBe(404);
      for (const name of ["adminByName", "reserved"]) {
        expect(host.lines).toContainEqual(expect.stringMatching(new RegExp(`'${name}'.*built in routes`)));
      }
    });

    it("does not serve a second function on the same route and method, and says which was first", () => {
      expect(host.lines).toContainEqual(expect.stringMatching(/'rival'.*conflicts.*'newItems'/));
      expect(host.functions.map(({ name }) => name)).not.toContain("rival");
    });

    it("does not ask for a key, as func does not", async () => {
      expect((await call("/api/guarded", { method: "POST" })).status).toBe(200);
    });
  });

  describe("requests", () => {
    it("joins repeated headers and query keys with a comma", async () => {
      const answer = await sendRaw(
        host,
        "GET /api/echo/x?k=1&K=2&other=3 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" +
          "Authorization: Bearer one\r\nX-Twice: a\r\nx-twice: b\r\nauthorization: Bearer two\r\n\r\n",
      );
      const { headers, query } = JSON.parse(bodyOf(answer)) as Echo;
      expect(headers).toMatchObject({ authorization: "Bearer one,Bearer two", "x-twice": "a,b" });
      expect(query).toEqual({ k: "1,2", other: "3" });
    });

    it("passes Authorization on as it is", async () => {
      const { headers } = await echo("/api/echo/x", { headers: { authorization: "Bearer  a.b.c" } });
      expect(headers["authorization"]).toBe("Bearer  a.b.c");
    });

    it("builds the url from the Host header and passes X-Forwarded headers without applying them", async () => {
      const answer = await sendRaw(
        host,
        "GET /api/echo/a%20b%2Fc?q=%31 HTTP/1.1\r\nHost: shop.example:81\r\nConnection: close\r\n" +
          "X-Forwarded-Proto: https\r\nX-Forwarded-Host: other.example\r\n\r\n",
      );
      const { url, headers } = JSON.parse(bodyOf(answer)) as Echo;
      expect(url).toBe("http://shop.example:81/api/echo/a%20b%2Fc?q=%31");
      expect(headers).toMatchObject({ "x-forwarded-proto": "https", "x-forwarded-host": "other.example" });
    });

    it("hands over a body that announces its length, bytes intact", async () => {
      const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
      const { body, method } = await echo("/api/echo/x", { method: "PUT", body: bytes });
      expect([method, Buffer.from(body, "base64")]).toEqual(["PUT", bytes]);
    });

    it("hands over nothing of a chunked body", async () => {
      const answer = await sendRaw(
        host,
        "POST /api/echo/x HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n" +
          "5\r\nhello\r\n0\r\n\r\n",
      );
      expect(JSON.parse(bodyOf(answer))).toMatchObject({ method: "POST", body: "" });
    });

    it("passes App Service Authentication headers on, whoever sent them", async () => {
      const principal = Buffer.from(JSON.stringify({ claims: [] })).toString("base64");
      const forged = {
        "x-ms-client-principal": principal,
        "x-ms-client-principal-id": "forged",
        "x-ms-client-principal-name": "name",
        "x-ms-client-principal-idp": "aad",
      };
      expect(await (await call("/api/user", { headers: forged })).json()).toMatchObject({ user: { id: "forged" } });
    });

    it("continues the caller's trace with a span of its own", async () => {
      const [traceId, spanId] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
      const headers = { traceparent: `00-${traceId}-${spanId}-01`, tracestate: "vendor=1" };
      const { trace } = await echo("/api/echo/x", { headers });
      expect(trace.traceParent).toMatch(new RegExp(`^00-${traceId}-(?!${spanId})[0-9a-f]{16}-01$`));
      expect(trace.traceState).toBe("vendor=1");
    });

    it.each([
      undefined,
      "nonsense",
      `00-${"0".repeat(32)}-00f067aa0ba902b7-01`,
      `ff-${"a".repeat(32)}-00f067aa0ba902b7-01`,
    ])("begins a trace of its own when traceparent is %s", async (traceparent) => {
      const headers = { tracestate: "vendor=1", ...(traceparent === undefined ? {} : { traceparent }) };
      const { trace } = await echo("/api/echo/x", { headers });
      expect(trace.traceParent).toMatch(/^00-(?!0{32}|a{32})[0-9a-f]{32}-[0-9a-f]{16}-00$/);
      expect(trace.traceState).toBeUndefined();
    });
  });

  describe("responses", () => {
    it.each(["throws", "throwsText", "text"])(
      "answers 500 with an empty body when a handler fails (%s)",
      async (name) => {
        const response = await call(`/api/${name}`);
        expect([response.status, await response.text()]).toEqual([500, ""]);
      },
    );

    it("logs a handler's error with its stack", async () => {
      await call("/api/throws");
      await lineLike(host, /Error: the handler's own secret reason/);
      await lineLike(host, /Executed 'Functions.throws' \(Failed, Id=[0-9a-f-]{36}, Duration=\d+ms\)/);
      await lineLike(host, /^\[error\] +at .*main\.cjs/);
    });

    it("answers 204 when a handler returns nothing", async () => {
      expect((await call("/api/nothing")).status).toBe(204);
    });

    it.each([0, 99, 600, 1000])("answers 500 when the status is %i", async (code) => {
      expect((await call(`/api/status/${code}`)).status).toBe(500);
    });

    it.each([200, 299, 418, 599])("passes the status %i on", async (code) => {
      expect((await call(`/api/status/${code}`)).status).toBe(code);
    });

    it("passes binary bodies on intact", async () => {
      const bytes = Buffer.from([0, 255, 128, 10, 13, 195, 40]);
      const response = await call("/api/bytes", { method: "POST", body: bytes });
      expect(Buffer.from(await response.arrayBuffer())).toEqual(bytes);
      expect(response.headers.get("content-type")).toBe("image/png");
    });

    it("refuses cookies with 500, and logs what supports them", async () => {
      expect((await call("/api/cookie")).status).toBe(500);
      await lineLike(
        host,
        /^\[error\] A response with cookies is not supported by the embedded host: use --host func\.$/,
      );
    });

    it("frames the body itself, whatever the handler's headers claim", async () => {
      const response = await call("/api/headers");
      expect([response.headers.get("content-length"), response.headers.get("x-custom")]).toEqual(["1", "one"]);
      expect(await response.text()).toBe("x");
    });
  });

  it("logs begin and end of a call, and what the app says, without header values", async () => {
    await call("/api/log?q=1", { headers: { authorization: "Bearer hush" } });
    await lineLike(host, /^an information line$/);
    await lineLike(host, /^\[warning\] a warning line$/);
    await lineLike(host, /^a console line$/);
    await lineLike(host, /^Executing 'Functions.log' \(Reason='.*', Id=[0-9a-f-]{36}\)$/);
    await lineLike(host, /^Executed 'Functions.log' \(Succeeded, Id=[0-9a-f-]{36}, Duration=\d+ms\)$/);
    expect(host.lines.join("\n")).not.toMatch(/hush|a debug line/);
  });

  it("lists its functions when it starts", () => {
    expect(host.lines).toContain(`  item: [GET] ${host.url}/api/items/{id}`);
    expect(host.functions).toContainEqual({ name: "item", route: "api/items/{id}", methods: ["GET"] });
  });

  describe("admin API", () => {
    it("tells its state", async () => {
      const status = await (await call("/admin/host/status")).json();
      expect(status).toEqual({
        id: expect.stringMatching(/^functions-host-/) as string,
        state: "Running",
        version: expect.any(String) as string,
        processUptime: expect.any(Number) as number,
      });
    });

    it("answers 404 for what it does not know", async () => {
      const json = { method: "POST", headers: { "content-type": "application/json" }, body: `{"input":""}` };
      expect((await call("/admin/functions/unknown", json)).status).toBe(404);
      expect((await call("/admin/else")).status).toBe(404);
    });

    it("accepts a run of an HTTP function, which then has no request and does not take place", async () => {
      const json = { method: "POST", headers: { "content-type": "application/json" }, body: `{"input":""}` };
      expect((await call("/admin/functions/nothing", json)).status).toBe(202);
      await lineLike(host, /'Functions.nothing' is triggered by HTTP/);
    });

    it.each([
      ["[]", "application/json", 400],
      ["nonsense", "application/json", 400],
      ["", "application/json", 400],
      [`{"input":""}`, "text/plain", 415],
    ])("refuses the body %j of type %s with %i", async (body, type, status) => {
      const response = await call("/admin/functions/nothing", {
        method: "POST",
        headers: { "content-type": type },
        body,
      });
      expect(response.status).toBe(status);
    });
  });
});

describe("an embedded host's limits and prefixes", () => {
  it("answers 429 beyond maxOutstandingRequests, and serves again afterwards", async () => {
    const source = `
      const waiting = [];
      app.http("wait", { handler: async (_, context) => {
        context.log("waiting");
        await new Promise((resolve) => waiting.push(resolve));
        return { body: "released" };
      } });
      app.timer("release", { schedule: "0 0 0 1 1 *", handler: () => waiting.splice(0).forEach((resolve) => resolve()) });`;
    const host = await run(source, { hostJson: { extensions: { http: { maxOutstandingRequests: 2 } } } });
    const call = (): Promise<Response> => fetch(`${host.url}/api/wait`);
    const accepted = [call(), call()];
    await expect.poll(() => host.lines.filter((line) => line === "waiting").length).toBe(2);
    expect((await call()).status).toBe(429);

    const json = { method: "POST", headers: { "content-type": "application/json" }, body: `{"input":""}` };
    expect((await fetch(`${host.url}/admin/functions/RELEASE`, json)).status).toBe(202);
    for (const response of await Promise.all(accepted)) expect(await response.text()).toBe("released");
    const again = call();
    await expect.poll(() => host.lines.filter((line) => line === "waiting").length).toBe(3);
    await fetch(`${host.url}/admin/functions/release`, json);
    expect((await again).status).toBe(200);
  });

  it.each([
    ["", "/things/1", "/api/things/1"],
    ["inner/v1", "/inner/v1/things/1", "/things/1"],
  ])("serves under the prefix %j of host.json", async (routePrefix, path, other) => {
    const source = `app.http("thing", { route: "/things/{id}", handler: () => ({ body: "here" }) });`;
    const host = await run(source, { hostJson: { extensions: { http: { routePrefix } } } });
    expect((await fetch(host.url + path)).status).toBe(200);
    expect((await fetch(host.url + other)).status).toBe(404);
  });

  it("shows levels by host.json's logLevel", async () => {
    const logLevel = { default: "Warning", "Function.log.User": "Debug" };
    const host = await run("http-app.ts", { hostJson: { logging: { logLevel } } });
    await fetch(`${host.url}/api/log`);
    await lineLike(host, /^\[debug\] a debug line$/);
    expect(host.lines.join("\n")).not.toContain("Executing");
  });
});
