import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { parseAccessRestrictions } from "../front-end/access-restrictions.ts";
import { type FrontEndOptions, type NetworkRefusal, startFrontEnd } from "../front-end/front-end.ts";
import { networkOf, subnetOf } from "../front-end/networks.ts";

const networks = {
  callerSubnet: subnetOf("caller-func"),
  otherSubnet: subnetOf("callee-func"),
  internet: networkOf(null),
};
const start = async (options: Omit<FrontEndOptions<keyof typeof networks>, "networks">) => {
  const { origins, ...others } = await startFrontEnd({ ...options, networks });
  return { ...origins, ...others };
};

const onlyCaller = parseAccessRestrictions({
  ipSecurityRestrictions: [
    {
      name: "caller-func",
      action: "Allow",
      priority: 100,
      vnetSubnetResourceId: networks.callerSubnet.vnetSubnetResourceId,
    },
  ],
  ipSecurityRestrictionsDefaultAction: "Deny",
});
const everybody = parseAccessRestrictions({ ipSecurityRestrictions: [] });

type Handler = (request: IncomingMessage, response: ServerResponse) => void;
const answerOk: Handler = (request, response) => {
  request.resume().on("end", () => response.end("app"));
};

/** What reached the app, and how it answers. */
let received: IncomingMessage[] = [];
let handler = answerOk;
const app = createServer((request, response) => {
  received.push(request);
  handler(request, response);
});
const log: string[] = [];
const refusals: NetworkRefusal[] = [];
let frontEnd: Awaited<ReturnType<typeof start>>;
let appPort = 0;

beforeAll(async () => {
  app.on("checkContinue", (request: IncomingMessage, response: ServerResponse) =>
    app.emit("request", request, response),
  );
  await once(app.listen(0, "127.0.0.1"), "listening");
  appPort = (app.address() as AddressInfo).port;
  frontEnd = await start({
    restrictions: onlyCaller,
    targetPort: () => appPort,
    log: (line) => log.push(line),
    onRefusal: (refusal) => refusals.push(refusal),
  });
});
afterEach(() => {
  received = [];
  handler = answerOk;
  log.length = 0;
  refusals.length = 0;
  appPort = (app.address() as AddressInfo).port;
  frontEnd.setRestrictions(onlyCaller);
});
afterAll(async () => {
  await frontEnd.stop();
  app.closeAllConnections();
  app.close();
});

function dial(origin: string): Socket {
  return connect(Number(new URL(origin).port), "127.0.0.1").setEncoding("latin1");
}

/** Sends bytes as they are and reads what comes until the connection ends. */
async function send(origin: string, ...lines: string[]): Promise<string> {
  const socket = dial(origin);
  socket.write(lines.join("\r\n"), "latin1");
  return readAll(socket);
}

async function readAll(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (chunk: string) => (text += chunk)).on("error", () => undefined);
  await once(socket, "close");
  return text;
}

async function readUntil(socket: Socket, mark: string): Promise<string> {
  let text = "";
  while (!text.includes(mark)) text += String((await once(socket, "data"))[0]);
  return text;
}

/** Header lines of the request that reached the app, as they were. */
function headersAtTheApp(): string[] {
  const raw = received[0]?.rawHeaders ?? [];
  return raw.flatMap((name, index) => (index % 2 === 0 ? [`${name}: ${raw[index + 1] ?? ""}`] : []));
}

const get = ["GET /api/health HTTP/1.1", "Host: callee", "Connection: close"];
const end = ["", ""];

describe("a request from elsewhere", () => {
  it("is refused as App Service refuses it", async () => {
    const answer = await fetch(`${frontEnd.internet}/api/records/apple?code=secret`);
    expect(answer.status).toBe(403);
    expect(answer.statusText).toBe("Ip Forbidden");
    expect(answer.headers.get("content-type")).toBe("text/html");
    expect(answer.headers.get("connection")).toBe("close");
    expect(answer.headers.get("x-ms-forbidden-ip")).toBe("203.0.113.10");
    expect(await answer.text()).toContain("Error 403 - Forbidden");
    expect(received).toEqual([]);
    expect(log).toEqual(["refused GET /api/records/apple from 203.0.113.10: unmatched rule"]);
  });

  const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

  it.each([
    [traceparent, traceparent],
    ["not a trace", undefined],
    [`${traceparent}, ${traceparent}`, undefined],
    [traceparent.toUpperCase(), undefined],
  ])("is told with its trace, if that is valid, and without its query string: %s", async (sent, traceParent) => {
    await fetch(`${frontEnd.internet}/api/records/apple?code=secret`, { headers: { traceparent: sent } });
    const common = { event: "network-refusal", method: "GET", path: "/api/records/apple", address: "203.0.113.10" };
    expect(refusals).toEqual([{ ...common, rule: "unmatched rule", traceParent }]);
    await fetch(frontEnd.callerSubnet, { headers: { traceparent: sent } });
    expect(refusals).toHaveLength(1);
  });

  it("is refused in another subnet of the same network, naming its service endpoint's address", async () => {
    const answer = await fetch(frontEnd.otherSubnet);
    expect(answer.status).toBe(403);
    expect(answer.headers.get("x-ms-forbidden-ip")).toBe("[fd00::a00:104]");
    expect(received).toEqual([]);
  });

  it("is refused without a page when it asks for none (HEAD)", async () => {
    const answer = await fetch(frontEnd.internet, { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([403, ""]);
  });

  it("is refused before its body is sent", async () => {
    const answer = await send(frontEnd.internet, "PUT / HTTP/1.1", "Host: callee", "Content-Length: 1000000", ...end);
    expect(answer).toMatch(/^HTTP\/1\.1 403 Ip Forbidden\r\n/);
  });

  it("is refused before it is told to continue", async () => {
    for (const expectation of ["100-continue", "something-else"]) {
      const answer = await send(
        frontEnd.internet,
        ...["PUT / HTTP/1.1", "Host: callee", "Content-Length: 5", `Expect: ${expectation}`, ...end],
      );
      expect(answer).toMatch(/^HTTP\/1\.1 403 Ip Forbidden\r\n/);
    }
    expect(received).toEqual([]);
  });

  it("cannot bring a second request along in its body", async () => {
    const second = [...get, ...end].join("\r\n");
    const answer = await send(frontEnd.internet, "GET / HTTP/1.1", "Host: callee", "", second);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
    expect(received).toEqual([]);
  });

  it("is refused whatever its headers say", async () => {
    const spoofed = fc.constantFrom(
      "127.0.0.1",
      "10.0.0.4",
      networks.callerSubnet.address,
      networks.callerSubnet.vnetSubnetResourceId,
      new URL(frontEnd.callerSubnet).host,
    );
    const names = ["X-Forwarded-For", "X-Client-IP", "X-Real-IP", "Forwarded", "X-Azure-SocketIP", "Host", "Via"];
    const hopByHop = [
      "Connection",
      "Upgrade",
      "Expect",
      "X-Azure-FDID",
      "X-Original-URL",
      "X-ARR-SSL",
      "True-Client-IP",
    ];
    const header = fc.tuple(
      fc.oneof(fc.constantFrom(...names, ...hopByHop), fc.stringMatching(/^[A-Za-z][A-Za-z-]{0,20}$/)),
      fc.oneof(spoofed, fc.stringMatching(/^[!-~]{0,30}$/)),
    );
    await fc.assert(
      fc.asyncProperty(fc.constantFrom("internet", "otherSubnet"), fc.array(header), async (origin, headers) => {
        const lines = headers.map(([name, value]) => `${name}: ${value}`);
        const answer = await send(frontEnd[origin], "GET / HTTP/1.1", "Host: callee", ...lines, ...end);
        // 400: not HTTP at all, for example two different lengths of one body
        expect(answer).toMatch(/^HTTP\/1\.1 (403 Ip Forbidden|400 Bad Request)\r\n/);
        expect(received).toEqual([]);
      }),
    );
  });

  it("is admitted once the rules let it in, and not afterwards", async () => {
    frontEnd.setRestrictions(everybody);
    expect((await fetch(frontEnd.internet)).status).toBe(200);
    frontEnd.setRestrictions(onlyCaller);
    expect((await fetch(frontEnd.internet)).status).toBe(403);
  });
});

describe("a request from the caller's subnet", () => {
  it("reaches the app with its path, query and Host", async () => {
    await send(frontEnd.callerSubnet, "GET /api/records/a%2Fb?x=1&x=2 HTTP/1.1", ...get.slice(1), ...end);
    expect(received[0]?.url).toBe("/api/records/a%2Fb?x=1&x=2");
    expect(headersAtTheApp()).toContain("Host: callee");
  });

  it("is admitted whatever its headers say", async () => {
    const answer = await send(
      frontEnd.callerSubnet,
      ...get,
      "X-Forwarded-For: 203.0.113.10",
      "X-Client-IP: 8.8.8.8",
      ...end,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it("keeps repeated headers apart, their order and their case", async () => {
    await send(frontEnd.callerSubnet, ...get, "Authorization: Bearer a", "x-ODD: 1", "authorization: Bearer b", ...end);
    const passed = headersAtTheApp().filter((line) => /^(authorization|x-odd)/i.test(line));
    expect(passed).toEqual(["Authorization: Bearer a", "x-ODD: 1", "authorization: Bearer b"]);
  });

  it("has the address seen appended to X-Forwarded-For", async () => {
    await send(frontEnd.callerSubnet, ...get, "X-Forwarded-For: 1.2.3.4", "x-forwarded-for: 5.6.7.8", ...end);
    const forwardedFor = headersAtTheApp().filter((line) => /^x-forwarded-for/i.test(line));
    expect(forwardedFor).toEqual([
      expect.stringMatching(/^X-Forwarded-For: 1\.2\.3\.4, 5\.6\.7\.8, \[fd00::a00:4\]:\d+$/),
    ]);
  });

  it("cannot have the address seen left out, nor claim another protocol", async () => {
    await send(
      frontEnd.callerSubnet,
      ...["GET / HTTP/1.1", "Host: callee", "Connection: close, X-Forwarded-For", "X-Forwarded-Proto: https", ...end],
    );
    expect(headersAtTheApp()).toContainEqual(expect.stringMatching(/^X-Forwarded-For: \[fd00::a00:4\]:\d+$/));
    expect(headersAtTheApp().filter((line) => /^x-forwarded-proto/i.test(line))).toEqual(["X-Forwarded-Proto: http"]);
  });

  it.each([
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: Checksum",
    "Upgrade: websocket",
    "Proxy-Authorization: Basic abc",
    "Proxy-Authenticate: Basic",
    "Proxy-Connection: keep-alive",
    "X-Named: by Connection",
    "Connection: x-also-named",
  ])("leaves this hop's %s behind", async (line) => {
    await send(frontEnd.callerSubnet, "GET / HTTP/1.1", "Host: callee", "Connection: close, X-Named", line, ...end);
    expect(received).toHaveLength(1);
    expect(headersAtTheApp()).not.toContain(line);
  });

  it("keeps Content-Length and Host even when Connection names them", async () => {
    const smuggled = "GET /smuggled HTTP/1.1\r\nHost: callee\r\n\r\n";
    const length = `Content-Length: ${smuggled.length}`;
    const lines = ["GET / HTTP/1.1", "Host: callee", "Connection: close, Content-Length, Host", length, "", smuggled];
    await send(frontEnd.callerSubnet, ...lines);
    expect(received.map(({ url }) => url)).toEqual(["/"]);
    expect(headersAtTheApp()).toEqual(expect.arrayContaining([length, "Host: callee"]));
  });

  it("with two hosts, or a transfer coding beyond chunked, does not reach the app", async () => {
    expect(await send(frontEnd.callerSubnet, ...get, "Host: other", ...end)).toMatch(/^HTTP\/1\.1 400 /);
    const post = ["POST / HTTP/1.1", "Host: callee", "Transfer-Encoding: gzip, chunked", "", "0", ...end];
    expect(await send(frontEnd.callerSubnet, ...post)).toMatch(/^HTTP\/1\.1 501 /);
    expect(received).toEqual([]);
  });
});

describe("bodies", () => {
  const echo: Handler = (request, response) => request.pipe(response);

  it.each(["POST", "GET"])("of %s arrive chunked when sent chunked", async (method) => {
    handler = echo;
    const lines = [`${method} / HTTP/1.1`, "Host: callee", "Connection: close", "Transfer-Encoding: chunked", ""];
    const answer = await send(frontEnd.callerSubnet, ...lines, "3", "abc", "2", "de", "0", ...end);
    expect(answer).toContain("abc");
    expect(answer).toContain("de");
    const framing = headersAtTheApp().filter((line) => /^(transfer-encoding|content-length)/i.test(line));
    expect(framing).toEqual(["Transfer-Encoding: chunked"]);
  });

  it("arrive with their length when sent with it", async () => {
    handler = echo;
    const answer = await fetch(frontEnd.callerSubnet, { method: "POST", body: "hello" });
    expect(await answer.text()).toBe("hello");
    const framing = headersAtTheApp().filter((line) => /^(transfer-encoding|content-length)/i.test(line));
    expect(framing).toEqual(["content-length: 5"]);
  });

  it("are not invented", async () => {
    await send(frontEnd.callerSubnet, "POST / HTTP/1.1", ...get.slice(1), ...end);
    expect(received[0]?.headers["transfer-encoding"]).toBeUndefined();
    expect(received[0]?.headers["content-length"]).toBe("0");
  });

  it("stream both ways, without waiting for the end", async () => {
    handler = echo;
    const socket = dial(frontEnd.callerSubnet);
    socket.write("POST / HTTP/1.1\r\nHost: callee\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    expect(await readUntil(socket, "one")).toMatch(/^HTTP\/1\.1 200 /);
    socket.write("3\r\ntwo\r\n");
    await readUntil(socket, "two");
    socket.write("0\r\n\r\n");
    await readUntil(socket, "0\r\n\r\n");
    socket.destroy();
  });

  it("are not waited for before the headers are passed on, either way", async () => {
    const socket = dial(frontEnd.callerSubnet);
    handler = (_, response) => {
      response.writeHead(200, { "Content-Length": "5" }).flushHeaders();
    };
    socket.write("POST / HTTP/1.1\r\nHost: callee\r\nContent-Length: 5\r\n\r\n");
    expect(await readUntil(socket, "\r\n\r\n")).toMatch(/^HTTP\/1\.1 200 /);
    socket.destroy();
  });

  it("of 20 MB come back whole", async () => {
    handler = echo;
    const body = Buffer.alloc(20_000_000, "0123456789");
    const answer = await fetch(frontEnd.callerSubnet, { method: "PUT", body });
    expect(body.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
  });

  it("are asked for by the app, when the client waits for that", async () => {
    handler = (request, response) => {
      response.writeContinue();
      echo(request, response);
    };
    const socket = dial(frontEnd.callerSubnet);
    socket.write(
      "PUT / HTTP/1.1\r\nHost: callee\r\nConnection: close\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    );
    expect(await readUntil(socket, "\r\n\r\n")).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    socket.write("hello");
    expect(await readAll(socket)).toMatch(/^HTTP\/1\.1 200 OK\r\n[^]*hello/);
  });

  it("are not sent to an app that refuses them unread", async () => {
    handler = (_, response) => response.writeHead(413).end();
    const lines = ["PUT / HTTP/1.1", "Host: callee", "Content-Length: 5", "Expect: 100-continue", "Connection: close"];
    expect(await send(frontEnd.callerSubnet, ...lines, ...end)).toMatch(/^HTTP\/1\.1 413 /);
  });
});

describe("the app's answer", () => {
  it("cannot pretend to come from the front end", async () => {
    handler = (_, response) => response.writeHead(403, "Ip Forbidden", { "X-MS-Forbidden-IP": "203.0.113.10" }).end();
    const answer = await fetch(frontEnd.callerSubnet);
    expect([answer.status, answer.statusText]).toEqual([403, "Forbidden"]);
    expect(answer.headers.has("x-ms-forbidden-ip")).toBe(false);
  });

  it("comes with its status and repeated headers", async () => {
    handler = (_, response) => response.writeHead(409, ["Set-Cookie", "a", "Set-Cookie", "b"]).end("no");
    const answer = await send(frontEnd.callerSubnet, ...get, ...end);
    expect(answer).toMatch(/^HTTP\/1\.1 409 Conflict\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n[^]*no/);
    expect(answer.match(/^Date: /gm)).toHaveLength(1);
  });

  it("leaves its own hop's headers behind", async () => {
    handler = (_, response) =>
      response.writeHead(200, { Connection: "close, X-Hop", "X-Hop": "1", "Proxy-Authenticate": "Basic" }).end();
    const answer = await fetch(frontEnd.callerSubnet);
    expect([answer.headers.get("x-hop"), answer.headers.get("proxy-authenticate")]).toEqual([null, null]);
  });

  it("to HEAD has a length and no body", async () => {
    handler = (_, response) => response.writeHead(200, { "Content-Length": "5" }).end();
    const answer = await fetch(frontEnd.callerSubnet, { method: "HEAD" });
    expect([answer.headers.get("content-length"), await answer.text()]).toEqual(["5", ""]);
  });

  it.each([204, 304])("%d has no body and leaves the connection usable", async (status) => {
    handler = (_, response) => response.writeHead(status).end();
    const answer = await send(
      frontEnd.callerSubnet,
      "GET / HTTP/1.1",
      "Host: callee",
      "",
      [...get, ...end].join("\r\n"),
    );
    expect(answer.match(new RegExp(`^HTTP/1.1 ${status} `, "gm"))).toHaveLength(2);
  });

  it("uses one connection to the app for many requests", async () => {
    const ports = new Set<number | undefined>();
    handler = (request, response) => {
      ports.add(request.socket.remotePort);
      answerOk(request, response);
    };
    for (let call = 0; call < 5; call++) await (await fetch(frontEnd.callerSubnet)).text();
    expect(ports.size).toBe(1);
  });
});

describe("when one side is gone", () => {
  it("answers 503 for an app that is not running, and 200 once it is", async () => {
    appPort = 1;
    const answer = await fetch(frontEnd.callerSubnet);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([503, "text/html"]);
    expect(answer.headers.has("x-ms-forbidden-ip")).toBe(false);
    appPort = (app.address() as AddressInfo).port;
    expect((await fetch(frontEnd.callerSubnet)).status).toBe(200);
  });

  it.each([
    ["breaks off", ""],
    ["speaks no HTTP", "garbage\r\n\r\n"],
    ["switches protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"],
    ["answers with an impossible status", "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n"],
  ])("answers 502 when the app %s", async (_, bytes) => {
    handler = (request) => request.socket.end(bytes);
    const answer = await fetch(frontEnd.callerSubnet);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([502, "text/html"]);
  });

  it("breaks off the answer when the app does", async () => {
    handler = (request, response) => {
      response.writeHead(200, { "Content-Length": "10" }).write("half");
      setTimeout(() => request.socket.destroy(), 50);
    };
    const answer = await fetch(frontEnd.callerSubnet);
    await expect(answer.text()).rejects.toThrow();
  });

  it("breaks off the request to the app when the client does", async () => {
    const gone = new Promise<void>((resolve) => {
      handler = (request) => {
        request.socket.once("close", () => {
          resolve();
        });
      };
    });
    const socket = dial(frontEnd.callerSubnet);
    socket.write([...get, ...end].join("\r\n"));
    await expect.poll(() => received.length).toBe(1);
    socket.destroy();
    await gone;
  });
});

describe("opening and closing", () => {
  const options = { restrictions: onlyCaller, targetPort: 1, log: () => undefined };

  it("names the network origin and the port that is taken, and listens on no port", async () => {
    const free = await start(options);
    const callerPort = Number(new URL(free.callerSubnet).port);
    await free.stop();
    const ports = { callerSubnet: callerPort, internet: appPort };
    await expect(start({ ...options, ports })).rejects.toThrow(
      `In use by another program: port ${appPort} (internet).`,
    );
    await expect(fetch(free.callerSubnet)).rejects.toThrow();
  });

  it("stops with requests under way", async () => {
    const other = await start({ ...options, targetPort: appPort });
    handler = () => undefined;
    const pending = fetch(other.callerSubnet);
    await expect.poll(() => received.length).toBe(1);
    await Promise.all([other.stop(), expect(pending).rejects.toThrow()]);
  });
});
