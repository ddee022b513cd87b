import { app } from "@azure/functions";
import { identifierParam } from "shared/http/identifier";
import { readJsonBody } from "shared/http/json-body";
import * as v from "valibot";
import { inventory, requireRole } from "../composition.ts";
import { MAX_UNITS } from "../inventory/inventory.ts";

const body = v.strictObject({ onHand: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_UNITS)) });

app.http("setStock", {
  methods: ["PUT"],
  authLevel: "anonymous",
  route: "inventory/{sku}",
  handler: requireRole("Inventory.Manage", async (request) => {
    const sku = identifierParam(request, "sku");
    const { onHand } = await readJsonBody(request, body);
    return { jsonBody: await inventory.setOnHand(sku, onHand) };
  }),
});
