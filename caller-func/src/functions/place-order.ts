// POST /api/orders: stores an order, and tries to deliver it.
import { randomUUID } from "node:crypto";
import { identifier, keyHttp, readJsonBody } from "@restricted-calls/shared/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import * as v from "valibot";
import { delivery } from "../composition.ts";
import { orderResponse } from "./order-response.ts";

/** Within what Table storage keeps as an Int32. */
const MAX_QUANTITY = 1_000_000_000;

const body = v.strictObject({
  orderId: v.optional(identifier),
  sku: identifier,
  quantity: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_QUANTITY)),
});

keyHttp("placeOrder", {
  methods: ["POST"],
  route: "orders",
  handler: async (request, context) => {
    const { orderId = randomUUID(), sku, quantity } = await readJsonBody(request, body);
    const order = await delivery.place({ orderId, sku, quantity }, context.traceContext?.traceParent);
    if (order.sku !== sku || order.quantity !== quantity) {
      throw new ProblemError({
        status: 409,
        code: "order-conflict",
        detail: `Order '${orderId}' exists with another SKU or quantity. Use another orderId.`,
      });
    }
    return orderResponse(order);
  },
});
