// PUT /api/reservations/{orderId}: reserves stock for an order, once.
import { identifierParam, readJsonBody } from "@restricted-calls/shared/functions";
import { identifier } from "@restricted-calls/shared/identifier";
import * as v from "valibot";
import { api, inventory } from "../composition.ts";
import { MAX_UNITS } from "../inventory/units.ts";

const body = v.strictObject({
  sku: identifier,
  quantity: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_UNITS)),
});

api.http("reserveStock", "Inventory.Reserve", {
  methods: ["PUT"],
  route: "reservations/{orderId}",
  handler: async (request, caller) => {
    const orderId = identifierParam(request, "orderId");
    const { sku, quantity } = await readJsonBody(request, body);
    const { isNew, ...reservation } = await inventory.reserve(caller.appId, { orderId, sku, quantity });
    return { status: isNew ? 201 : 200, jsonBody: reservation };
  },
});
