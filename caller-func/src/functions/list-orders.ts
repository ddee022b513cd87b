// GET /api/orders: a page of the orders, and the backlog.
import { keyHttp } from "@restricted-calls/shared/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import { isStorageFailure } from "@restricted-calls/shared/storage/table";
import { orderStore } from "../composition.ts";
import { type OrderState, orderStates } from "../orders/order.ts";
import { orderView } from "./order-response.ts";

keyHttp("listOrders", {
  methods: ["GET"],
  route: "orders",
  handler: async (request) => {
    const continuationToken = request.query.get("continuationToken") ?? undefined;
    const page = await orderStore
      .list(stateParam(request.query.get("state")), continuationToken)
      .catch((error: unknown) => {
        if (continuationToken === undefined || isStorageFailure(error)) throw error;
        throw invalidQuery("continuationToken", "expected the one that the page before this one ended with");
      });
    return { jsonBody: { ...page, orders: page.orders.map(orderView) } };
  },
});

function stateParam(value: string | null): OrderState | undefined {
  if (value === null) return undefined;
  const state = orderStates.find((known) => known === value);
  if (state !== undefined) return state;
  throw invalidQuery("state", `expected one of ${orderStates.join(", ")}`);
}

function invalidQuery(name: string, expected: string): ProblemError {
  return new ProblemError({ status: 400, code: "invalid-query", detail: `${name} in the query: ${expected}.` });
}
