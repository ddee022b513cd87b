/** What tools must know about the caller: its operations, and orders that cross the restricted call. */
import type { ContractOf, Demo } from "@restricted-calls/shared/contract";
import { chaos } from "./chaos.ts";

/** Every system has it in stock from its start: INITIAL_STOCK in infra/service-options.json. */
const SKU = "widget";

const TIMER = "deliverPendingOrders";

/** The timer does not tick during a demo: on 29 February only. */
const RARE_SCHEDULE = "0 0 0 29 2 *";

const orderId = (unique: string): string => `verify-${unique}`;

export default {
  operations: [
    {
      id: "list-orders",
      method: "GET",
      route: "/api/orders",
      access: "function-key",
      sample: () => ({ path: "/api/orders", status: 200 }),
    },
    {
      id: "place-order",
      method: "POST",
      route: "/api/orders",
      access: "function-key",
      sample: (unique) => ({
        path: "/api/orders",
        body: { orderId: orderId(unique), sku: SKU, quantity: 1 },
        status: 201,
      }),
    },
    { id: "get-order", method: "GET", route: "/api/orders/{orderId}", access: "function-key" },
    { id: "retry-order", method: "POST", route: "/api/orders/{orderId}/retry", access: "function-key" },
  ],

  commands: (origin) => [
    {
      title: "An order crosses the restricted call",
      command: `curl -i ${origin}/api/orders -H 'Content-Type: application/json' -d '{"sku": "${SKU}", "quantity": 2}'`,
    },
    {
      title: "The timer delivers what is pending, now: 202",
      command: `curl -i ${origin}/admin/functions/${TIMER} -H 'Content-Type: application/json' -d '{"input": ""}'`,
    },
  ],

  show: showOrders,

  positiveCall: {
    operation: "place-order",
    outcome: {
      operation: "get-order",
      path: (unique) => `/api/orders/${orderId(unique)}`,
      read: (body, unique) => {
        const order = typeof body === "object" && body !== null ? (body as Readonly<Record<string, unknown>>) : {};
        if (order["orderId"] !== orderId(unique) || typeof order["state"] !== "string") return null;
        const name = order["state"];
        return { name, is: name === "reserved" ? "done" : name === "pending" ? "pending" : "failed" };
      },
    },
  },

  chaos,
  bench: { orders: () => import("./bench/orders.ts") },
} satisfies ContractOf<"caller-func">;

/** Orders that are delivered at once, and by the timer after the callee was down. */
async function showOrders({ origin, show, showLater, start, stop, runTimer }: Demo): Promise<void> {
  const place = (orderId: string): Promise<string> =>
    outcomeOf(
      fetch(`${origin}/api/orders`, { method: "POST", body: JSON.stringify({ orderId, sku: SKU, quantity: 2 }) }),
    );
  const stateOf = (orderId: string): Promise<string> => outcomeOf(fetch(`${origin}/api/orders/${orderId}`));

  await show("an order placed over HTTP", "201 reserved", () => place("order-1"));

  await stop("callee-func");
  await show("an order placed while the callee is down", "202 pending", () => place("order-2"));
  await start("callee-func");
  await showLater("... is delivered by a scheduled tick of the timer", "200 reserved", () => stateOf("order-2"));

  await stop("caller-func");
  await start("caller-func", { DELIVERY_SCHEDULE: RARE_SCHEDULE });
  await stop("callee-func");
  await show("another one, with the timer's schedule put off", "202 pending", () => place("order-3"));
  await start("callee-func");
  await showLater("... is delivered by running the timer now", "200 reserved", async () => {
    await runTimer(TIMER);
    return stateOf("order-3");
  });
}

async function outcomeOf(responding: Promise<Response>): Promise<string> {
  const response = await responding;
  const { state, code } = (await response.json()) as { state?: string; code?: string };
  return `${response.status} ${state ?? code ?? ""}`;
}
