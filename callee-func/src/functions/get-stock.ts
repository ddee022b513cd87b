import { app } from "@azure/functions";
import { identifierParam } from "shared/http/identifier";
import { inventory, requireRole } from "../composition.ts";

app.http("getStock", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "inventory/{sku}",
  handler: requireRole("Inventory.Read", async (request) => ({
    jsonBody: await inventory.stockOf(identifierParam(request, "sku")),
  })),
});
