import { app, HttpRequest, InvocationContext, type HttpFunctionOptions } from "@azure/functions";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuditEvent, Caller } from "../authorization/index.ts";
import { createGuard, type GuardedHandler, protectedApp, type ProtectedAppOptions } from "../functions/index.ts";
import { Tenant } from "../testing/tenant.ts";

const TODAY = "2026-12-01T10:00:00.000Z";
const UNTIL = "2027-01-15";

let tenant: Tenant;
let environment: Record<string, string>;
let registered: HttpFunctionOptions | undefined;
let events: AuditEvent[];
let log: string[];

beforeEach(async () => {
  tenant = await Tenant.start();
  environment = tenant.guardSettings();
  events = [];
  log = [];
  vi.spyOn(app, "http").mockImplementation((_name, options) => {
    registered = options;
  });
  setClock(TODAY);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  tenant.stop();
});

function setClock(now: string): void {
  vi.useFakeTimers({ toFake: ["Date"], now: new Date(now) });
}

const existing: GuardedHandler = () => Promise.resolve({ status: 204 });
const audit = (event: AuditEvent): number => events.push(event);

function start(options: ProtectedAppOptions, handler = existing): void {
  const api = protectedApp<"Records.Read">({ environment, audit, onKeyFailure: () => undefined, ...options });
  api.http("getRecord", "Records.Read", { methods: ["GET"], route: "records", handler });
}

/** The response: the status of the handler, or the code of a refusal. */
async function call(token?: string): Promise<unknown> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const request = new HttpRequest({ method: "GET", url: "http://localhost/api/records", headers });
  const logHandler = (level: string, ...args: unknown[]): number => log.push([level, ...args.map(String)].join(" "));
  const context = new InvocationContext({ functionName: "getRecord", logHandler });
  const { status, body } = (await registered?.handler(request, context)) as { status: number; body?: string };
  return body === undefined ? status : (JSON.parse(body) as { code: string }).code;
}

describe("a guard that only reports", () => {
  beforeEach(() => {
    start({ reportOnlyUntil: UNTIL });
  });

  test.each<[string, (of: Tenant) => string | undefined]>([
    ["no-credentials", () => undefined],
    ["malformed-token", () => "x"],
    ["wrong-audience", (of) => of.token({ aud: of.callerId })],
    ["caller-not-allowed", (of) => of.token({ azp: of.apiClientId })],
    ["role-missing", (of) => of.token({ roles: [] })],
  ])("lets a call through that would be refused, and records it: %s", async (code, token) => {
    expect(await call(token(tenant))).toBe(204);
    expect(events).toMatchObject([{ allowed: true, wouldRefuse: true, code, operation: "getRecord" }]);
  });

  test("refuses a caller that is denied", async () => {
    environment["DENIED_CALLERS"] = tenant.callerId;
    start({ reportOnlyUntil: UNTIL });
    expect(await call(tenant.token())).toBe("caller-denied");
    expect(events).toMatchObject([{ allowed: false, wouldRefuse: undefined, code: "caller-denied" }]);
  });

  test("lets a call through while the keys cannot be fetched", async () => {
    tenant.answer = (_url, response) => response.writeHead(500).end() === response;
    expect(await call(tenant.token())).toBe(204);
    expect(events).toMatchObject([{ wouldRefuse: true, code: "keys-unavailable" }]);
  });

  test("records an allowed call as always", async () => {
    expect(await call(tenant.token())).toBe(204);
    expect(events).toMatchObject([{ allowed: true, wouldRefuse: undefined, code: undefined }]);
  });
});

test("by default, such an event is a warning in the log", async () => {
  start({ reportOnlyUntil: UNTIL, audit: undefined as never });
  await call();
  await call(tenant.token());
  expect(log).toEqual([
    expect.stringMatching(
      /^warning {"event":"authorization","allowed":true,"wouldRefuse":true,"code":"no-credentials"/,
    ),
    expect.stringMatching(/^information {"event":"authorization","allowed":true,"operation"/),
  ]);
});

describe("the caller of a call that would be refused", () => {
  test("is the one of a valid token", async () => {
    const callers: Caller[] = [];
    start({ reportOnlyUntil: UNTIL }, (_request, caller) => {
      callers.push(caller);
      return existing(_request, caller, {} as never);
    });
    await call(tenant.token({ roles: [] }));
    expect(callers).toMatchObject([{ appId: tenant.callerId, roles: [] }]);
  });

  test.each<[string, (caller: Caller) => unknown]>([
    ["an id", ({ appId }) => appId],
    ["roles", ({ roles }) => roles.includes("Records.Read")],
    ["a member that there may be", (caller) => "appId" in caller],
    ["a copy", (caller) => ({ ...caller })],
    ["its names", (caller) => Object.keys(caller)],
    ["its own members", (caller) => Object.hasOwn(caller, "appId")],
    ["JSON", (caller) => JSON.stringify(caller)],
  ])("is not made up: a handler that wants %s ends with the refusal", async (_, read) => {
    start({ reportOnlyUntil: UNTIL }, (_request, caller) => Promise.resolve({ jsonBody: read(caller) }));
    expect(await call()).toBe("no-credentials");
    expect(await call(tenant.token({ aud: tenant.callerId }))).toBe("wrong-audience");
  });
});

describe("the date", () => {
  test("is the first day on which calls are refused, in UTC", async () => {
    start({ reportOnlyUntil: UNTIL });
    setClock("2027-01-14T23:59:59.999Z");
    expect(await call()).toBe(204);
    setClock("2027-01-15T00:00:00.000Z");
    expect(await call()).toBe("no-credentials");
    expect(events.map(({ allowed, wouldRefuse }) => [allowed, wouldRefuse])).toEqual([
      [true, true],
      [false, undefined],
    ]);
  });

  test("may have passed: the app starts, and refuses", async () => {
    start({ reportOnlyUntil: "2026-12-01" });
    expect(await call()).toBe("no-credentials");
  });

  test("is at most 90 days ahead", async () => {
    start({ reportOnlyUntil: "2027-03-01" });
    expect(await call()).toBe(204);
    expect(() => {
      start({ reportOnlyUntil: "2027-03-02" });
    }).toThrow(/reportOnlyUntil is a string of 10 characters: expected a date, YYYY-MM-DD, at most 90 days ahead/);
  });

  test("that is too far ahead for the guard's clock refuses", async () => {
    start({ reportOnlyUntil: "2027-03-01" });
    setClock("2026-12-01T00:00:00.000Z");
    expect(await call()).toBe(204);
    setClock("2026-11-30T23:59:59.999Z");
    expect(await call()).toBe("no-credentials");
  });

  test("is none by default, and with an empty setting: the guard refuses", async () => {
    for (const options of [
      {},
      { reportOnlyUntil: undefined },
      { environment: { ...environment, REPORT_ONLY_UNTIL: "" } },
    ]) {
      start(options);
      expect(await call()).toBe("no-credentials");
    }
  });

  test.each(["", "soon", "2027-02-30", "2027-1-15", "15.01.2027", "2027", "2027-01-15T00:00:00Z", "+002027-01-15"])(
    "that is '%s' prevents the start",
    (date) => {
      const message = /expected a date, YYYY-MM-DD, at most 90 days ahead/;
      expect(() => {
        start({ reportOnlyUntil: date });
      }).toThrow(message);
      expect(() => createGuard(() => ({}) as never, audit, date)).toThrow(message);
      if (date === "") return;
      expect(() => {
        start({ environment: { ...environment, REPORT_ONLY_UNTIL: date } });
      }).toThrow(/REPORT_ONLY_UNTIL is invalid: expected a date, YYYY-MM-DD, at most 90 days ahead/);
    },
  );

  test("of a setting counts like the one in the code; of both, the earlier one", async () => {
    const both = async (reportOnlyUntil: string | undefined, REPORT_ONLY_UNTIL: string): Promise<unknown> => {
      start({ reportOnlyUntil, environment: { ...environment, REPORT_ONLY_UNTIL } });
      return call();
    };
    expect(await both(undefined, UNTIL)).toBe(204);
    expect(await both("2027-01-16", UNTIL)).toBe(204);
    expect(await both("2026-11-01", UNTIL)).toBe("no-credentials");
    expect(await both(UNTIL, "2026-11-01")).toBe("no-credentials");
  });
});
