// POST /api/orders: stores an order, and tries to deliver it.
import { randomUUID } from "node:crypto";
import { keyHttp, readJsonBody } from "@restricted-calls/shared/functions";
import { identifier } from "@restricted-calls/shared/identifier";
import { ProblemError } from "@restricted-calls/shared/problem";
import * as v from "valibot";
import { orders } from "../composition.ts";
import { item } from "../orders.ts";
import { orderResponse } from "./order-response.ts";

const body = v.strictObject({ orderId: v.optional(identifier), ...item.entries });

keyHttp("placeOrder", {
  methods: ["POST"],
  route: "orders",
  handler: async (request, context) => {
    const { orderId = randomUUID(), sku, quantity } = await readJsonBody(request, body);
    const order = await orders.submit({ id: orderId, payload: { sku, quantity } }, context.traceContext?.traceParent);
    if (order.payload.sku !== sku || order.payload.quantity !== quantity) {
      throw new ProblemError({
        status: 409,
        code: "order-conflict",
        detail: `Order '${orderId}' exists with another SKU or quantity. Use another orderId.`,
      });
    }
    return orderResponse(order);
  },
});
