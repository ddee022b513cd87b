// The calls of the sample business that the local run shows and suggests.
import { poll } from "../../tools/poll.ts";
import { RARE_SCHEDULE, type LocalSystem } from "../system/system.ts";

/** What the local run shows and suggests of the business. Another business takes another such file: see docs/make-it-yours.md. */

/** A call of callee-func that the first of its roles allows, and one that this role does not allow. */
export const granted = { method: "GET", path: "/api/inventory/widget" } as const;
export const notGranted = { method: "PUT", path: "/api/inventory/widget", body: { onHand: 1_000_000 } } as const;

/** Commands to try, and what each does. */
export const suggestions = [
  {
    title: "An order crosses the restricted call",
    curl: (caller: string): string =>
      `curl -i ${caller}/api/orders -H 'Content-Type: application/json' -d '{"sku": "widget", "quantity": 2}'`,
  },
  {
    title: "The timer delivers what is pending, now: 202",
    curl: (caller: string): string =>
      `curl -i ${caller}/admin/functions/deliverPendingOrders -H 'Content-Type: application/json' -d '{"input": ""}'`,
  },
] as const;

/** One thing that is shown: what happened, in words that are compared as they stand. */
export type Show = (title: string, expected: string, happens: () => Promise<string>) => Promise<void>;

/** Shows orders that cross the restricted call: at once, and by the timer after the callee was down. */
export async function showBusiness(system: LocalSystem, show: Show): Promise<void> {
  const { caller } = system.endpoints;
  const place = (orderId: string): Promise<string> =>
    outcomeOf(
      fetch(`${caller}/api/orders`, {
        method: "POST",
        body: JSON.stringify({ orderId, sku: "widget", quantity: 2 }),
      }),
    );
  const stateOf = (orderId: string): Promise<string> => outcomeOf(fetch(`${caller}/api/orders/${orderId}`));
  const reserved = (orderId: string, meanwhile: () => Promise<unknown>): Promise<string> =>
    poll(
      async () => {
        await meanwhile();
        return stateOf(orderId);
      },
      (state) => state === "200 reserved",
      { timeoutMs: TIMEOUT_MS, pauseMs: 250 },
    );

  await show("an order placed over HTTP", "201 reserved", () => place("order-1"));

  await system.stopApp("callee-func");
  await show("an order placed while the callee is down", "202 pending", () => place("order-2"));
  await system.startApp("callee-func");
  await show("... is delivered by a scheduled tick of the timer", "200 reserved", () =>
    reserved("order-2", () => Promise.resolve()),
  );

  await system.stopApp("caller-func");
  await system.startApp("caller-func", { DELIVERY_SCHEDULE: RARE_SCHEDULE });
  await system.stopApp("callee-func");
  await show("another one, with the timer's schedule put off", "202 pending", () => place("order-3"));
  await system.startApp("callee-func");
  await show("... is delivered by running the timer now", "200 reserved", () =>
    reserved("order-3", () =>
      fetch(`${caller}/admin/functions/deliverPendingOrders`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ input: "" }),
      }),
    ),
  );
}

/** An expected state comes within seconds; after this time it is a failure. */
const TIMEOUT_MS = 15_000;

async function outcomeOf(responding: Promise<Response>): Promise<string> {
  const response = await responding;
  const { state, code } = (await response.json()) as { state?: string; code?: string };
  return `${response.status} ${state ?? code ?? ""}`;
}
