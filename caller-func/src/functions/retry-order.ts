// POST /api/orders/{orderId}/retry: makes a stuck or rejected order pending again.
import { identifierParam, keyHttp } from "@restricted-calls/shared/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import { orders } from "../composition.ts";
import { orderResponse, unknownOrder } from "./order-response.ts";

keyHttp("retryOrder", {
  methods: ["POST"],
  route: "orders/{orderId}/retry",
  handler: async (request) => {
    const orderId = identifierParam(request, "orderId");
    const pending = await orders.retry(orderId);
    if (pending !== undefined) return orderResponse(pending);
    if ((await orders.get(orderId)) === undefined) throw unknownOrder(orderId);
    throw new ProblemError({
      status: 409,
      code: "not-stuck",
      detail: `Order '${orderId}' is neither stuck nor rejected. A pending order is on its way, a reserved one has arrived.`,
    });
  },
});
