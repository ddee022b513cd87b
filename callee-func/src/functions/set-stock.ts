import { app } from "@azure/functions";
import { identifierParam } from "shared/http/identifier";
import { readJsonBody } from "shared/http/json-body";
import * as v from "valibot";
import { inventory, requireRole } from "../composition.ts";
import { onHand } from "../inventory/units.ts";

const body = v.strictObject({ onHand });

app.http("setStock", {
  methods: ["PUT"],
  authLevel: "anonymous",
  route: "inventory/{sku}",
  handler: requireRole("Inventory.Manage", async (request) => {
    const sku = identifierParam(request, "sku");
    const stock = await readJsonBody(request, body);
    return { jsonBody: await inventory.setOnHand(sku, stock.onHand) };
  }),
});
