// GET /api/orders: a page of the orders.
import { keyHttp } from "@restricted-calls/shared/functions";
import { type MessageState, messageStates } from "@restricted-calls/shared/outbox";
import { ProblemError } from "@restricted-calls/shared/problem";
import { isStorageFailure } from "@restricted-calls/shared/storage/table";
import { orders } from "../composition.ts";
import { orderStates } from "../orders.ts";
import { orderView } from "./order-response.ts";

keyHttp("listOrders", {
  methods: ["GET"],
  route: "orders",
  handler: async (request) => {
    const continuationToken = request.query.get("continuationToken") ?? undefined;
    const { messages, ...page } = await orders
      .list(stateParam(request.query.get("state")), continuationToken)
      .catch((error: unknown) => {
        if (continuationToken === undefined || isStorageFailure(error)) throw error;
        throw invalidQuery("continuationToken", "expected the one that the page before this one ended with");
      });
    return { jsonBody: { ...page, orders: messages.map(orderView) } };
  },
});

function stateParam(value: string | null): MessageState | undefined {
  if (value === null) return undefined;
  const state = messageStates.find((known) => orderStates[known] === value);
  if (state !== undefined) return state;
  throw invalidQuery("state", `expected one of ${Object.values(orderStates).join(", ")}`);
}

function invalidQuery(name: string, expected: string): ProblemError {
  return new ProblemError({ status: 400, code: "invalid-query", detail: `${name} in the query: ${expected}.` });
}
