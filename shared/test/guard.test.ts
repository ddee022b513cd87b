import { HttpRequest, InvocationContext, type LogHandler } from "@azure/functions";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type AuditEvent, type Authorize, createAuthorizer } from "../authorization/index.ts";
import { createGuard } from "../functions/index.ts";
import { Tenant } from "../testing/tenant.ts";

let tenant: Tenant;
let authorize: Authorize;
let log: string[];
let unhandled: unknown[];

const keepUnhandled = (reason: unknown): void => {
  unhandled.push(reason);
};

beforeEach(async () => {
  tenant = await Tenant.start();
  authorize = createAuthorizer({
    authority: tenant.authority,
    tenantId: tenant.tenantId,
    audiences: [tenant.apiClientId],
    allowedCallers: [tenant.callerId],
    onKeyFailure: () => undefined,
  });
  log = [];
  answered.mockClear();
  unhandled = [];
  process.on("unhandledRejection", keepUnhandled);
});
afterEach(() => {
  process.off("unhandledRejection", keepUnhandled);
  tenant.stop();
});

function request(token?: string): HttpRequest {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new HttpRequest({ method: "GET", url: "http://localhost/api/x", headers });
}

function context(): InvocationContext {
  const logHandler: LogHandler = (level, ...args) => {
    log.push([level, ...args.map(String)].join(" "));
  };
  return new InvocationContext({ functionName: "getRecord", logHandler });
}

const answered = vi.fn(() => Promise.resolve({ status: 200 }));

describe("an audit sink", () => {
  const event = { event: "authorization", operation: "getRecord" };
  const failures: [string, () => unknown][] = [
    [
      "throws",
      () => {
        throw new Error("no connection to the archive");
      },
    ],
    ["rejects", () => Promise.reject(new Error("no connection to the archive"))],
  ];

  test.each(failures)("that %s changes no decision, ends no process, and its event is in the log", async (_, sink) => {
    const handler = createGuard(authorize, sink)("Records.Read", answered);
    expect(await handler(request(tenant.token()), context())).toMatchObject({ status: 200 });
    expect(await handler(request(), context())).toMatchObject({ status: 401 });
    await vi.waitFor(() => {
      expect(log.filter((line) => line.includes("no connection to the archive"))).toHaveLength(2);
    });
    const levels = log.filter((line) => line.includes('"event":"authorization"')).map((line) => line.split(" ")[0]);
    expect(levels).toEqual(["information", "warning"]);
    // Node reports a rejection that nobody handles once the microtasks are done.
    await new Promise(setImmediate);
    expect(unhandled).toEqual([]);
  });

  test("that never settles keeps no request", async () => {
    const handler = createGuard(authorize, () => new Promise(() => undefined))("Records.Read", answered);
    expect(await handler(request(tenant.token()), context())).toMatchObject({ status: 200 });
  });

  test("gets each decision, once", async () => {
    const events: AuditEvent[] = [];
    const handler = createGuard(authorize, (one) => events.push(one))("Records.Read", answered);
    await handler(request(tenant.token()), context());
    await handler(request(), context());
    expect(events).toMatchObject([
      { ...event, allowed: true },
      { ...event, allowed: false, code: "no-credentials" },
    ]);
    expect(log).toEqual([]);
  });
});

test("what a handler throws is in the log, and nothing of it in the answer", async () => {
  const handler = createGuard(authorize)("Records.Read", () =>
    Promise.reject(new Error("password of the archive: hunter2")),
  );
  const answer = await handler(request(tenant.token()), context());
  expect(answer).toMatchObject({ status: 500, headers: { "Content-Type": "application/problem+json" } });
  expect(JSON.parse(String((answer as { body: unknown }).body))).toEqual({
    title: "Internal Server Error",
    status: 500,
    code: "internal-error",
    detail: "The request could not be handled. The service's log says why, under this call's trace id.",
  });
  expect(JSON.stringify(answer)).not.toContain("hunter2");
  expect(log.join()).toContain("hunter2");
});

test("what kept a rule of the service's own from deciding is in the log, and nothing of it in the answer", async () => {
  const failing = createAuthorizer({
    authority: tenant.authority,
    tenantId: tenant.tenantId,
    audiences: [tenant.apiClientId],
    allowedCallers: [tenant.callerId],
    customRule: () => Promise.reject(new Error("password of the directory: hunter2")),
    onKeyFailure: () => undefined,
  });
  const answer = await createGuard(failing)("Records.Read", answered)(request(tenant.token()), context());
  expect(answer).toMatchObject({ status: 500 });
  expect(JSON.parse(String((answer as { body: unknown }).body))).toMatchObject({ code: "custom-rule-failed" });
  expect(JSON.stringify(answer)).not.toContain("hunter2");
  expect(log.join()).toContain("hunter2");
  expect(answered).not.toHaveBeenCalled();
});
