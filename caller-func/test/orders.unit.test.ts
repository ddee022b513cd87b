import { expect, test } from "vitest";
import { reservationsAt } from "../src/orders.ts";

const order = { id: "order-1", payload: { sku: "widget", quantity: 2 } };
const callee = reservationsAt(() => expect.fail("no call"));

test("an order asks the callee for its reservation", () => {
  expect(callee.request(order)).toEqual({
    method: "PUT",
    path: "/api/reservations/order-1",
    body: { sku: "widget", quantity: 2 },
  });
});

const reservation = { orderId: "order-1", sku: "widget", quantity: 2 };

test("its own reservation confirms an order", () => {
  expect(callee.isDone(order, reservation)).toBe(true);
});

test.each<[string, unknown]>([
  ["a captive portal", "<html>"],
  ["nothing", undefined],
  ["another order's", { ...reservation, orderId: "order-2" }],
  ["of another SKU", { ...reservation, sku: "gadget" }],
  ["of another quantity", { ...reservation, quantity: 1 }],
])("a reservation does not: %s", (_, body) => {
  expect(callee.isDone(order, body)).toBe(false);
});

test("only these codes of the callee reject an order", () => {
  expect(callee.refusalCodes).toEqual(["unknown-sku", "insufficient-stock", "order-conflict"]);
});
