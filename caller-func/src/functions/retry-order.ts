import { app } from "@azure/functions";
import { withProblems } from "shared/http/handler";
import { identifierParam } from "shared/http/identifier";
import { ProblemError } from "shared/http/problem";
import { orderStore } from "../composition.ts";
import { retried } from "../orders/order.ts";
import { orderResponse, unknownOrder } from "./order-response.ts";

app.http("retryOrder", {
  methods: ["POST"],
  authLevel: "function",
  route: "orders/{orderId}/retry",
  handler: withProblems(async (request) => {
    const orderId = identifierParam(request, "orderId");
    const pending = await orderStore.revive(orderId, (order) =>
      order.state === "stuck" ? retried(order, new Date()) : undefined,
    );
    if (pending !== undefined) return orderResponse(pending);
    if ((await orderStore.get(orderId)) === undefined) throw unknownOrder(orderId);
    throw new ProblemError({
      status: 409,
      code: "not-stuck",
      detail: `Order '${orderId}' is not stuck. Only a stuck order can be retried; a pending one is on its way.`,
    });
  }),
});
