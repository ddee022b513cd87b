// The orders: what an order is, and what the callee's responses mean for it.
import { identifier } from "@restricted-calls/shared/identifier";
import type { Destination, Message } from "@restricted-calls/shared/outbox";
import type { ServiceClient } from "@restricted-calls/shared/service-client";
import * as v from "valibot";

/** Within what Table storage keeps as an Int32. */
const MAX_QUANTITY = 1_000_000_000;

/** What is ordered. */
export const item = v.strictObject({
  sku: identifier,
  quantity: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_QUANTITY)),
});

export type Item = v.InferOutput<typeof item>;

/** An order is a message to the callee. */
export type Order = Message<Item>;

/** The state of an order, by that of its message. */
export const orderStates = {
  pending: "pending",
  done: "reserved",
  refused: "rejected",
  stuck: "stuck",
} as const satisfies Record<Order["state"], string>;

const reservation = v.object({ orderId: v.string(), sku: v.string(), quantity: v.number() });

/** The callee, as orders are delivered to it: each reserves stock. */
export function reservationsAt(callee: ServiceClient): Destination<Item> {
  return {
    client: callee,
    request: ({ id, payload }) => ({
      method: "PUT",
      path: `/api/reservations/${encodeURIComponent(id)}`,
      body: payload,
    }),
    isDone: ({ id, payload }, body) =>
      v.is(reservation, body) && body.orderId === id && body.sku === payload.sku && body.quantity === payload.quantity,
    refusalCodes: ["unknown-sku", "insufficient-stock", "order-conflict"],
  };
}
