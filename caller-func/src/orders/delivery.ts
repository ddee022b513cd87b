import { setTimeout as delay } from "node:timers/promises";
import { DEADLINE_MS, type ServiceClient, type ServiceOutcome } from "@restricted-calls/shared/service-client";
import { isStorageFailure } from "@restricted-calls/shared/storage/table";
import { bounded } from "./history.ts";
import { afterAttempt, describe, newOrder, type Order, type OrderRequest, wasSent } from "./order.ts";
import type { Lease, OrderStore } from "./order-store.ts";

/**
 * For this long, in milliseconds, nobody else takes an order that is being delivered. A crashed instance's orders are
 * taken up after it.
 */
const LEASE_MS = 60_000;

/** A delivery begins only while its lease is sure to outlast it: the call, and two storage operations at their slowest. */
const LEASE_NEEDED_MS = DEADLINE_MS + 2 * 10_000;

/** A run takes orders in batches: one query and one transaction for so many, all delivered well within a lease. */
const BATCH_SIZE = 40;
/** Deliveries at once: with a second instance and HTTP beside them, well below what the client lets through. */
const CONCURRENT_DELIVERIES = 8;

/** On shutdown a delivery under way has this long to end by itself, in milliseconds; the host gives the app 5 s in all. */
const DRAIN_MS = 2_500;

/** What a scheduled run did, and what it leaves. */
export interface RunSummary {
  reserved: number;
  rejected: number;
  stuck: number;
  /** Tried, and still pending. */
  stillPending: number;
  /** Tried, but the result could not be stored: their leases run out, and they are delivered again. */
  unsaved: number;
  /** Refused by the callee's access restrictions. Nobody else sees this: function apps have no log of access restrictions. */
  refusedByNetwork: number;
  /** Calls beyond the first of each delivery. */
  retries: number;
  /** Why the run ended before there was nothing left to do. */
  endedEarly?: string;
}

export interface Delivery {
  /**
   * Stores an order, then tries to deliver it.
   *
   * @returns its present state; for an order id that exists already, the existing order as it stands
   */
  place(request: OrderRequest, traceParent?: string): Promise<Order>;
  /** Delivers the pending orders whose time has come, the longest due first, for as long as the run may take (ms). */
  deliverDue(longestRun: number, traceParent?: string): Promise<RunSummary>;
  /** Begins nothing more and waits for what is under way, a bounded time; what is broken off then is pending, and due. */
  drain(): Promise<void>;
}

/**
 * Orders reserve stock: carries them over to the callee, each at least once, and never twice at the same moment.
 *
 * @param report gets each error of an attempt that was not foreseen; the attempt counts as failed, and others go on, also
 *   where it throws or rejects
 */
export function createDelivery(
  store: OrderStore,
  callee: ServiceClient,
  report: (error: unknown) => unknown = logged,
): Delivery {
  const underWay = new Set<Promise<unknown>>();
  const draining = new AbortController();
  const shutdown = new AbortController();

  /** Delivers a leased order once. Every step may be the last: what is not stored is done again when the lease has run out. */
  async function attempt(lease: Lease, signal: AbortSignal, traceParent?: string): Promise<Attempt> {
    const { orderId, sku, quantity } = lease.order;
    const outcome = await callee({
      method: "PUT",
      path: `/api/reservations/${encodeURIComponent(orderId)}`,
      body: { sku, quantity },
      traceParent,
      signal,
    }).catch((error: unknown): ServiceOutcome => {
      reported(error);
      return { kind: "no-response", reason: "an error that was not foreseen, see the log", tries: 0 };
    });
    try {
      const now = new Date();
      const next = afterAttempt(lease.order, outcome, now);
      if (await store.settle(lease, next, now)) return { outcome, order: next, saved: true };
      // Somebody else goes on with the order; a repeated reservation changes nothing at the callee.
      return { outcome, order: (await store.get(orderId)) ?? lease.order, saved: true };
    } catch (error) {
      if (!isStorageFailure(error)) reported(error);
      return { outcome, order: lease.order, saved: false };
    }
  }

  /** In a promise, whose rejection is handled: one that nobody handles ends the Functions worker. */
  const reported = (error: unknown): void => {
    new Promise((resolve) => {
      resolve(report(error));
    }).catch(logged);
  };

  const track = async <T>(work: Promise<T>): Promise<T> => {
    underWay.add(work);
    try {
      return await work;
    } finally {
      underWay.delete(work);
    }
  };

  async function run(longestRun: number, traceParent?: string): Promise<RunSummary> {
    const summary: RunSummary = {
      ...{ reserved: 0, rejected: 0, stuck: 0, stillPending: 0, unsaved: 0, refusedByNetwork: 0, retries: 0 },
    };
    const timeIsUp = AbortSignal.timeout(longestRun);
    const breakOff = AbortSignal.any([shutdown.signal, timeIsUp]);
    const whyStop = (): string | undefined =>
      draining.signal.aborted ? "the app is stopping" : timeIsUp.aborted ? "the next run is due" : summary.endedEarly;

    while (whyStop() === undefined) {
      const until = leaseEnd();
      const batch = [...(await store.lease(new Date(), until, BATCH_SIZE))];
      if (batch.length === 0) return summary;
      const mayBegin = (): boolean => whyStop() === undefined && until.getTime() - Date.now() > LEASE_NEEDED_MS;
      const worker = async (): Promise<void> => {
        while (mayBegin()) {
          const lease = batch.shift();
          if (lease === undefined) return;
          const attempted = await attempt(lease, breakOff, traceParent);
          count(summary, attempted);
          // The next order would fare no better: it is left as it is, for the next run.
          if (!wasSent(attempted.outcome)) summary.endedEarly = bounded(describe(attempted.outcome));
        }
      };
      await Promise.all(Array.from({ length: CONCURRENT_DELIVERIES }, worker));
      await store.release(batch, new Date());
    }
    return { ...summary, endedEarly: whyStop() ?? "" };
  }

  return {
    async place(request, traceParent) {
      const lease = await store.create(newOrder(request, new Date(), leaseEnd()));
      if (lease === undefined) return existing(request.orderId);
      if (draining.signal.aborted) return lease.order;
      return (await track(attempt(lease, shutdown.signal, traceParent))).order;
    },

    deliverDue: (longestRun, traceParent) => track(run(longestRun, traceParent)),

    async drain() {
      draining.abort();
      const over = Promise.allSettled(underWay);
      await Promise.race([over, delay(DRAIN_MS)]);
      shutdown.abort();
      await over;
    },
  };

  async function existing(orderId: string): Promise<Order> {
    const order = await store.get(orderId);
    if (order === undefined) throw new Error(`Order ${orderId} was there a moment ago and is gone.`);
    return order;
  }
}

interface Attempt {
  readonly outcome: ServiceOutcome;
  readonly order: Order;
  readonly saved: boolean;
}

function count(summary: RunSummary, { outcome, order, saved }: Attempt): void {
  summary.retries += Math.max(outcome.tries - 1, 0);
  if (outcome.kind === "response" && outcome.refusedBy === "network") summary.refusedByNetwork++;
  summary[!saved ? "unsaved" : order.state === "pending" ? "stillPending" : order.state]++;
}

function logged(error: unknown): void {
  console.error("An attempt to deliver an order failed in a way that was not foreseen.", error);
}

function leaseEnd(): Date {
  return new Date(Date.now() + LEASE_MS);
}
