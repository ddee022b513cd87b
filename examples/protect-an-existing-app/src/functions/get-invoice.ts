// GET /api/invoices/{id}: for callers with Invoices.Read. It asks another service for the customer.
import { protectedApp } from "restricted-calls/functions";
import { protectedService } from "restricted-calls/service-client";

const api = protectedApp<"Invoices.Read">();
const customers = protectedService("CUSTOMERS");

api.http("getInvoice", "Invoices.Read", {
  methods: ["GET"],
  route: "invoices/{id}",
  handler: async (request, caller, context) => {
    const id = request.params["id"] ?? "";
    const path = `/api/customers?invoice=${encodeURIComponent(id)}`;
    const traceParent = context.traceContext?.traceParent;
    const outcome = await customers({ method: "GET", path, traceParent });
    if (outcome.kind !== "response" || outcome.status !== 200) {
      context.error(JSON.stringify(outcome));
      return { status: 502 };
    }
    return { jsonBody: { id, customer: outcome.body, readBy: caller.appId } };
  },
});
