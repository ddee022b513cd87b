import { app } from "@azure/functions";
import { withProblems } from "shared/http/handler";
import { identifierParam } from "shared/http/identifier";
import { orderStore } from "../composition.ts";
import { orderView, unknownOrder } from "./order-response.ts";

app.http("getOrder", {
  methods: ["GET"],
  authLevel: "function",
  route: "orders/{orderId}",
  handler: withProblems(async (request) => {
    const orderId = identifierParam(request, "orderId");
    const order = await orderStore.get(orderId);
    if (order === undefined) throw unknownOrder(orderId);
    return { jsonBody: orderView(order) };
  }),
});
