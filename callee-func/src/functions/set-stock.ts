// PUT /api/inventory/{sku}: sets the units on hand.
import { identifierParam, readJsonBody } from "@restricted-calls/shared/functions";
import * as v from "valibot";
import { api, inventory } from "../composition.ts";
import { onHand } from "../inventory/units.ts";

const body = v.strictObject({ onHand });

api.http("setStock", "Inventory.Manage", {
  methods: ["PUT"],
  route: "inventory/{sku}",
  handler: async (request) => {
    const sku = identifierParam(request, "sku");
    const stock = await readJsonBody(request, body);
    return { jsonBody: await inventory.setOnHand(sku, stock.onHand) };
  },
});
