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
});
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
    ["no token", { kind: "no-token", reason: "AADSTS501051" }],
    ["silence", { kind: "no-answer", reason: "ECONNREFUSED" }],
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

test("waits twice as long after each attempt, and a quarter of an hour at the most", () => {
  const waits: number[] = [];
  let next = order;
  for (let attempt = 0; attempt < 12; attempt++) {
    next = afterAttempt(next, { kind: "no-answer", reason: "x" }, T0);
    waits.push(((next.dueAt?.getTime() ?? 0) - T0.getTime()) / 1000);
  }
  expect(waits).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]);
});

describe("an order that could not be delivered for a day", () => {
  const silence: ServiceOutcome = { kind: "no-answer", reason: "ECONNREFUSED" };

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
