// The response to a request for one order.
import type { HttpResponseInit } from "@azure/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import { problemResponse } from "@restricted-calls/shared/functions";
import { type Order, orderStates } from "../orders.ts";

/** An order as clients see it. */
export function orderView(order: Order): object {
  const { id: orderId, payload, reason, problem, createdAt, attempts, history } = order;
  const setbacks = history.length > 0 && { history };
  return { orderId, ...payload, state: orderStates[order.state], reason, problem, createdAt, attempts, ...setbacks };
}

/** The response to whoever placed the order, by its present state. */
export function orderResponse(order: Order): HttpResponseInit {
  if (order.state === "refused") {
    return problemResponse({
      status: 409,
      code: "order-rejected",
      detail: `The order was rejected: ${order.reason ?? "no reason given"}.`,
      extensions: orderView(order) as Record<string, unknown>,
    });
  }
  return {
    status: order.state === "done" ? 201 : 202,
    headers: { Location: `/api/orders/${order.id}` },
    jsonBody: orderView(order),
  };
}

export function unknownOrder(orderId: string): ProblemError {
  return new ProblemError({ status: 404, code: "unknown-order", detail: `There is no order '${orderId}'.` });
}
