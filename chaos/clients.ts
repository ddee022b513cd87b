import { setTimeout as delay } from "node:timers/promises";
import { randomFrom } from "./plan.ts";

export interface ChaosOrder {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  /** Gives up after its first answer, or none; the others ask again, with the same order, until it is accepted. */
  readonly isImpatient: boolean;
}

/** What the clients saw. */
export interface Clients {
  /** By order id: the first answer that accepted the order. */
  readonly accepted: ReadonlyMap<string, number>;
  /** How often each answer came; 0 is none. */
  readonly answers: ReadonlyMap<number, number>;
}

/** Units by SKU: plenty of some, and of others less than is ordered. */
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
    isImpatient: random() < 0.1,
  }));
}

const CONCURRENT_CLIENTS = 12;
/** A client that has had no good answer asks again after this long, in milliseconds. */
const ASK_AGAIN_AFTER_MS = 300;

/** Places all orders, spread over so many milliseconds. */
export async function placeOrders(origin: string, orders: readonly ChaosOrder[], span: number): Promise<Clients> {
  const accepted = new Map<string, number>();
  const answers = new Map<number, number>();
  const began = Date.now();
  const queue = orders.map((order, i) => ({ order, at: (i / orders.length) * span }));
  const client = async (): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await delay(Math.max(0, began + next.at - Date.now()));
      const { orderId, sku, quantity, isImpatient } = next.order;
      for (;;) {
        const status = await post(`${origin}/api/orders`, { orderId, sku, quantity });
        answers.set(status, (answers.get(status) ?? 0) + 1);
        if (status === 201 || status === 202 || status === 409) {
          accepted.set(orderId, status);
          break;
        }
        if (isImpatient) break;
        await delay(ASK_AGAIN_AFTER_MS);
      }
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_CLIENTS }, client));
  return { accepted, answers };
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
