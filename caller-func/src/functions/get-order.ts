// GET /api/orders/{orderId}: the state of an order.
import { identifierParam, keyHttp } from "@restricted-calls/shared/functions";
import { orders } from "../composition.ts";
import { orderView, unknownOrder } from "./order-response.ts";

keyHttp("getOrder", {
  methods: ["GET"],
  route: "orders/{orderId}",
  handler: async (request) => {
    const orderId = identifierParam(request, "orderId");
    const order = await orders.get(orderId);
    if (order === undefined) throw unknownOrder(orderId);
    return { jsonBody: orderView(order) };
  },
});
