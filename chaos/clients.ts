/** The clients: the orders of a run, and how they are placed. */
import { setTimeout as delay } from "node:timers/promises";
import { randomFrom } from "./plan.ts";

export interface ChaosOrder {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  /** Whether the client sends the order once. Other clients repeat it until it is accepted. */
  readonly isSentOnce: boolean;
}

/** The responses that the clients received. */
export interface Clients {
  /** The status of the response that accepted an order, by order id. */
  readonly accepted: ReadonlyMap<string, number>;
  /** The number of responses by status; 0 means no response. */
  readonly responses: ReadonlyMap<number, number>;
}

/** Units by SKU: more than enough of some, and of others fewer than are ordered. */
export function stockFor(orders: number): Readonly<Record<string, number>> {
  const plenty = orders * 3;
  return {
    widget: plenty,
    gadget: plenty,
    sprocket: plenty,
    gizmo: Math.ceil(orders / 20),
    gear: Math.ceil(orders / 40),
  };
}

export function makeOrders(seed: number, count: number): readonly ChaosOrder[] {
  const random = randomFrom(seed ^ 0x5f3759df);
  const skus = ["widget", "gadget", "sprocket", "gizmo", "gear"];
  return Array.from({ length: count }, (_, i) => ({
    orderId: `chaos-${i}`,
    sku: random() < 0.02 ? "no-such-sku" : (skus[Math.floor(random() * skus.length)] ?? "widget"),
    quantity: 1 + Math.floor(random() * 3),
    isSentOnce: random() < 0.1,
  }));
}

const CONCURRENT_CLIENTS = 12;
/** A client repeats an order that was not accepted after this time. */
const REPEAT_AFTER_MS = 300;

/** Places all orders, spread evenly over the time span. */
export async function placeOrders(origin: string, orders: readonly ChaosOrder[], spanMs: number): Promise<Clients> {
  const accepted = new Map<string, number>();
  const responses = new Map<number, number>();
  const began = Date.now();
  const queue = orders.map((order, i) => ({ order, at: (i / orders.length) * spanMs }));
  const client = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await delay(Math.max(0, began + next.at - Date.now()));
      const { orderId, sku, quantity, isSentOnce } = next.order;
      for (;;) {
        const status = await post(`${origin}/api/orders`, { orderId, sku, quantity });
        responses.set(status, (responses.get(status) ?? 0) + 1);
        if (status === 201 || status === 202 || status === 409) {
          accepted.set(orderId, status);
          break;
        }
        if (isSentOnce) break;
        await delay(REPEAT_AFTER_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CLIENTS }, client));
  return { accepted, responses };
}

async function post(url: string, body: object): Promise<number> {
  try {
    const response = await fetch(url, {
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(40_000),
    });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}
