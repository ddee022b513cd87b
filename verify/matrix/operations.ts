import type { Operation } from "../report/report.ts";

/** What the callee offers. The access policy names roles, not operations: a new operation is added here too. */
export const operations: readonly Operation[] = [
  operation("health", "GET", "/api/health", null),
  operation("get-stock", "GET", "/api/inventory/{sku}", "Inventory.Read"),
  operation("reserve-stock", "PUT", "/api/reservations/{orderId}", "Inventory.Reserve"),
  operation("set-stock", "PUT", "/api/inventory/{sku}", "Inventory.Manage"),
];

function operation(id: string, method: string, route: string, role: string | null): Operation {
  return { id, service: "callee-func", method, route, role };
}
