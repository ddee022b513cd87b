import type { ServiceClient } from "shared/service-client";
import { afterAttempt, newOrder, type Order, type OrderRequest } from "./order.ts";
import type { OrderStore, StoredOrder } from "./order-store.ts";

/** One delivery, with all its tries, ends within this time, in milliseconds. */
const DELIVERY_TIMEOUT_MS = 25_000;

/** For this long, in milliseconds, nobody else takes an order that is being delivered: longer than a delivery can take. */
const LEASE_MS = 60_000;

/** A run takes orders in batches of this size, several at a time, and begins no batch after this long, in milliseconds. */
const BATCH_SIZE = 40;
const CONCURRENT_DELIVERIES = 8;
const RUN_MS = 2 * 60_000;

/** What a scheduled run did. */
export interface RunSummary {
  readonly reserved: number;
  readonly rejected: number;
  readonly stillPending: number;
}

export interface Delivery {
  /**
   * Stores an order, then tries to deliver it.
   *
   * @returns its present state; for an order id that exists already, the existing order as it stands
   */
  place(request: OrderRequest, traceParent?: string): Promise<Order>;
  /** Delivers the pending orders whose time has come, the longest due first. */
  deliverDue(traceParent?: string): Promise<RunSummary>;
}

/** Orders reserve stock: carries them over to the callee, each at least once, and never twice at the same moment. */
export function createDelivery(store: OrderStore, callee: ServiceClient): Delivery {
  return {
    async place(request, traceParent) {
      const stored = await store.create(newOrder(request, new Date(), leaseEnd()));
      return stored === undefined ? existing(request.orderId) : attempt(stored, traceParent);
    },

    async deliverDue(traceParent) {
      const summary = { reserved: 0, rejected: 0, stillPending: 0 };
      const end = Date.now() + RUN_MS;
      while (Date.now() < end) {
        const batch = [...(await store.due(new Date(), BATCH_SIZE))];
        if (batch.length === 0) break;
        await Promise.all(
          Array.from({ length: CONCURRENT_DELIVERIES }, async () => {
            for (let orderId = batch.shift(); orderId !== undefined; orderId = batch.shift()) {
              const claimed = await claim(orderId);
              if (claimed === undefined) continue;
              const { state } = await attempt(claimed, traceParent);
              summary[state === "reserved" || state === "rejected" ? state : "stillPending"]++;
            }
          }),
        );
      }
      return summary;
    },
  };

  /** Takes a due order by moving its due time to the end of the lease; undefined where somebody else was faster. */
  async function claim(orderId: string): Promise<StoredOrder | undefined> {
    const order = await store.get(orderId);
    if (order?.dueAt === undefined || order.dueAt > new Date()) return undefined;
    return store.replace(order, { ...order, dueAt: leaseEnd() });
  }

  async function attempt(order: StoredOrder, traceParent?: string): Promise<Order> {
    const outcome = await callee({
      method: "PUT",
      path: `/api/reservations/${encodeURIComponent(order.orderId)}`,
      body: { sku: order.sku, quantity: order.quantity },
      traceParent,
      signal: AbortSignal.timeout(DELIVERY_TIMEOUT_MS),
    });
    const saved = await store.replace(order, afterAttempt(order, outcome, new Date()));
    // The lease ran out and somebody else goes on with the order; a repeated reservation changes nothing at the callee.
    return saved ?? existing(order.orderId);
  }

  async function existing(orderId: string): Promise<Order> {
    const order = await store.get(orderId);
    if (order === undefined) throw new Error(`Order ${orderId} was there a moment ago and is gone.`);
    return order;
  }
}

function leaseEnd(): Date {
  return new Date(Date.now() + LEASE_MS);
}
