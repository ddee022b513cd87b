/** What tools must know about the callee: its operations, with a call of each that succeeds. */
import type { ContractOf } from "@restricted-calls/shared/contract";
import { chaos } from "./chaos.ts";

/**
 * Stock of the proof's own: what a running system has is left alone. Every system has it from its start: INITIAL_STOCK in
 * infra/service-options.json.
 */
const SKU = "verify";
const PLENTY_UNITS = 1_000_000;

export default {
  operations: [
    {
      id: "health",
      method: "GET",
      route: "/api/health",
      access: "public",
      sample: () => ({ path: "/api/health", status: 200 }),
    },
    {
      id: "get-stock",
      method: "GET",
      route: "/api/inventory/{sku}",
      access: "token",
      role: "Inventory.Read",
      sample: () => ({ path: `/api/inventory/${SKU}`, status: 200 }),
    },
    {
      id: "reserve-stock",
      method: "PUT",
      route: "/api/reservations/{orderId}",
      access: "token",
      role: "Inventory.Reserve",
      sample: (unique) => ({
        path: `/api/reservations/verify-${unique}`,
        body: { sku: SKU, quantity: 1 },
        status: 201,
      }),
    },
    {
      id: "set-stock",
      method: "PUT",
      route: "/api/inventory/{sku}",
      access: "token",
      role: "Inventory.Manage",
      sample: () => ({ path: `/api/inventory/${SKU}`, body: { onHand: PLENTY_UNITS }, status: 200 }),
    },
  ],

  chaos,

  bench: { inventory: () => import("./bench/inventory.ts") },
} satisfies ContractOf<"callee-func">;
