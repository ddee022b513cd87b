// GET /api/inventory/{sku}: the stock of one SKU.
import { identifierParam } from "@restricted-calls/shared/functions";
import { api, inventory } from "../composition.ts";

api.http("getStock", "Inventory.Read", {
  methods: ["GET"],
  route: "inventory/{sku}",
  handler: async (request) => ({
    jsonBody: await inventory.stockOf(identifierParam(request, "sku")),
  }),
});
