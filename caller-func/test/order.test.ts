import type { ServiceOutcome } from "shared/service-client";
import { describe, expect, test } from "vitest";
import { afterAttempt, newOrder, retried } from "../src/orders/order.ts";

const T0 = new Date("2026-01-01T00:00:00Z");
const at = (milliseconds: number): Date => new Date(T0.getTime() + milliseconds);
const order = newOrder({ orderId: "order-1", sku: "widget", quantity: 2 }, T0, at(60_000));
const DAY = 24 * 3600_000;

const answer = (status: number, body: unknown, refusedBy?: "network" | "authorization"): ServiceOutcome => ({
  kind: "answer",
  status,
  body,
  refusedBy,
  tries: 1,
});
const silence: ServiceOutcome = { kind: "no-answer", reason: "ECONNREFUSED", tries: 3 };
const reservation = { orderId: "order-1", sku: "widget", quantity: 2 };

describe("the callee's word ends an order", () => {
  test.each([200, 201])("%i: reserved", (status) => {
    const next = afterAttempt(order, answer(status, reservation), T0);
    expect(next).toMatchObject({ state: "reserved", attempts: 1 });
    expect(next).not.toHaveProperty("dueAt");
  });
  test.each([
    [400, "invalid-body"],
    [404, "unknown-sku"],
    [409, "insufficient-stock"],
    [409, "order-conflict"],
  ])("%i %s: rejected, with the reason", (status, code) => {
    const next = afterAttempt(order, answer(status, { code }), T0);
    expect(next).toMatchObject({ state: "rejected", reason: code, attempts: 1 });
    expect(next).not.toHaveProperty("dueAt");
  });
});

describe("an order stays pending after", () => {
  test.each<[string, ServiceOutcome]>([
    ["silence", silence],
    ["401", answer(401, { code: "token-expired" }, "authorization")],
    ["403 of the network", answer(403, "<html>", "network")],
    ["403 of the callee", answer(403, { code: "role-missing" }, "authorization")],
    ["404 of a function that is not there", answer(404, "")],
    ["404 with another code", answer(404, { code: "not-this" })],
    ["408", answer(408, { code: "x" })],
    ["413", answer(413, { code: "body-too-large" })],
    ["429", answer(429, { code: "x" })],
    ["500", answer(500, "")],
    ["503", answer(503, { code: "busy" })],
    ["a redirect", answer(307, "")],
    ["400 that is not the callee's", answer(400, "<html>Bad Request</html>")],
    ["409 that is not the callee's", answer(409, "")],
    ["200 of something else", answer(200, "<html>a captive portal</html>")],
    ["200 for another order", answer(200, { ...reservation, orderId: "order-2" })],
    ["204", answer(204, "")],
  ])("%s", (_, outcome) => {
    const next = afterAttempt(order, outcome, T0);
    expect(next).toMatchObject({ state: "pending", attempts: 1, dueAt: at(2_000) });
    expect(next.reason).toBeTruthy();
  });
});

describe("nothing sent is no attempt: the order stays as it is, and says why", () => {
  test.each<[string, ServiceOutcome]>([
    ["no token", { kind: "no-token", reason: "AADSTS501051", tries: 0 }],
    ["an open circuit", { kind: "held-back", reason: "left alone for a moment", tries: 0 }],
  ])("%s", (_, outcome) => {
    const tried = { ...order, attempts: 5 };
    const next = afterAttempt(tried, outcome, T0);
    expect(next).toMatchObject({ state: "pending", attempts: 5, dueAt: at(2_000) });
    expect(next.reason).toContain(outcome.kind);
    expect(afterAttempt(tried, outcome, at(DAY)).state).toBe("stuck");
  });
});

test("keeps the problem document of a refusal, and only its code where it is huge", () => {
  const problem = { code: "insufficient-stock", detail: "2 units of 'widget' are available.", status: 409 };
  expect(afterAttempt(order, answer(409, problem), T0)).toMatchObject({ reason: "insufficient-stock", problem });
  const huge = { ...problem, detail: "x".repeat(20_000) };
  expect(afterAttempt(order, answer(409, huge), T0).problem).toEqual({ code: "insufficient-stock" });
});

test("keeps a history of what stood in the way: the same again is one entry, and the latest ten stay", () => {
  let next = afterAttempt(order, silence, at(1_000));
  next = afterAttempt(next, silence, at(2_000));
  next = afterAttempt(next, answer(503, { code: "busy" }), at(3_000));
  expect(next.history).toEqual([
    { what: "no-answer: ECONNREFUSED", times: 2, first: at(1_000).toISOString(), last: at(2_000).toISOString() },
    { what: "the callee answered 503 busy", times: 1, first: at(3_000).toISOString(), last: at(3_000).toISOString() },
  ]);
  for (let i = 0; i < 20; i++) next = afterAttempt(next, answer(500 + i, ""), at(i));
  expect(next.history).toHaveLength(10);
  expect(next.history.at(-1)?.what).toContain("519");
});

test("says what to do where the service client knows", () => {
  const refused = { ...answer(403, { code: "role-missing" }, "authorization"), advice: "grant the role" };
  expect(afterAttempt(order, refused, T0).reason).toBe("the callee answered 403 role-missing: grant the role");
});

describe("waits as long as the callee asks", () => {
  const busy = (retryAfterMs: number): ServiceOutcome => ({ ...answer(429, ""), retryAfterMs }) as ServiceOutcome;
  test.each([
    ["longer than its own wait", 30_000, 30_000],
    ["not less than its own wait", 500, 2_000],
    ["a quarter of an hour at the most", 3_600_000, 900_000],
  ])("%s", (_, asked, wait) => {
    expect(afterAttempt(order, busy(asked), T0).dueAt).toEqual(at(wait));
  });
});

test("waits twice as long after each attempt, and a quarter of an hour at the most", () => {
  const waits: number[] = [];
  let next = order;
  for (let attempt = 0; attempt < 12; attempt++) {
    next = afterAttempt(next, silence, T0);
    waits.push(((next.dueAt?.getTime() ?? 0) - T0.getTime()) / 1000);
  }
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
});

describe("an order that could not be delivered for a day", () => {
  test("is stuck, and not a moment earlier", () => {
    expect(afterAttempt(order, silence, at(DAY - 1)).state).toBe("pending");
    const stuck = afterAttempt(order, silence, at(DAY));
    expect(stuck).toMatchObject({ state: "stuck", reason: "no-answer: ECONNREFUSED" });
    expect(stuck).not.toHaveProperty("dueAt");
  });

  test("is still reserved when the callee says so then", () => {
    expect(afterAttempt(order, answer(200, reservation), at(DAY)).state).toBe("reserved");
  });

  test("can be retried, for another day", () => {
    const again = retried(afterAttempt(order, silence, at(DAY)), at(2 * DAY));
    expect(again).toMatchObject({ state: "pending", dueAt: at(2 * DAY), createdAt: T0 });
    expect(again).not.toHaveProperty("reason");
    expect(afterAttempt(again, silence, at(2 * DAY + 1)).state).toBe("pending");
  });
});
