// Delivers stored orders to the callee, at least once each.
import { setTimeout as delay } from "node:timers/promises";
import { DEADLINE_MS, type ServiceClient, type ServiceOutcome } from "@restricted-calls/shared/service-client";
import { isStorageFailure } from "@restricted-calls/shared/storage/table";
import { bounded } from "./history.ts";
import { afterAttempt, describe, newOrder, type Order, type OrderRequest, wasSent } from "./order.ts";
import type { Lease, OrderStore } from "./order-store.ts";

/**
 * How long an order under delivery is leased, in milliseconds. Another instance delivers the orders of a crashed one after
 * that.
 */
const LEASE_MS = 60_000;

/** A delivery starts only if its lease is this long: the deadline of a call and two slow storage operations. */
const LEASE_NEEDED_MS = DEADLINE_MS + 2 * 10_000;

/** Orders that one query and one transaction lease, all delivered well within a lease. */
const BATCH_SIZE = 40;
/** Deliveries at once. Two instances and HTTP requests together stay well below the limit of the client. */
const CONCURRENT_DELIVERIES = 8;

/** How long shutdown waits for deliveries, in milliseconds, before it aborts them; the host gives the app 5 s in all. */
const DRAIN_MS = 2_500;

/** The result of a scheduled run. */
export interface RunSummary {
  reserved: number;
  rejected: number;
  stuck: number;
  /** Tried, and still pending. */
  stillPending: number;
  /** Tried, but the result could not be stored: their leases run out, and they are delivered again. */
  unsaved: number;
  /** Refused by the callee's access restrictions. Only the caller sees this: function apps have no log of access restrictions. */
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
  /** Starts no more deliveries and waits for those under way, for a bounded time. Aborted ones stay pending, and are due. */
  drain(): Promise<void>;
}

/**
 * Makes the delivery of orders: each reserves stock at the callee, at least once, and never twice at the same moment.
 *
 * @param report gets each unexpected error of an attempt; the attempt counts as failed and the others continue, also if
 *   `report` throws or rejects
 */
export function createDelivery(
  store: OrderStore,
  callee: ServiceClient,
  report: (error: unknown) => unknown = logged,
): Delivery {
  const underWay = new Set<Promise<unknown>>();
  const draining = new AbortController();
  const shutdown = new AbortController();

  /** Delivers a leased order once. A step that is not stored, because of a crash, is repeated after the lease. */
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
      return { kind: "no-response", reason: "an unexpected error, see the log", tries: 0 };
    });
    try {
      const now = new Date();
      const next = afterAttempt(lease.order, outcome, now);
      if (await store.settle(lease, next, now)) return { outcome, order: next, saved: true };
      // Another instance has the order now; a repeated reservation changes nothing at the callee.
      return { outcome, order: (await store.get(orderId)) ?? lease.order, saved: true };
    } catch (error) {
      if (!isStorageFailure(error)) reported(error);
      return { outcome, order: lease.order, saved: false };
    }
  }

  /** In a promise with a handler: an unhandled rejection ends the Functions worker. */
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
          // The next order would fail for the same reason: it waits for the next run.
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
    if (order === undefined) throw new Error(`Order ${orderId} existed a moment ago and does not exist any more.`);
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
  console.error("An attempt to deliver an order failed with an unexpected error.", error);
}

function leaseEnd(): Date {
  return new Date(Date.now() + LEASE_MS);
}
