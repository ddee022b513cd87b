import type { ServiceOutcome } from "shared/service-client";
import * as v from "valibot";

export const orderStates = ["pending", "reserved", "rejected", "stuck"] as const;

export type OrderState = (typeof orderStates)[number];

/** What a client asks for. */
export interface OrderRequest {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}

export interface Order extends OrderRequest {
  readonly state: OrderState;
  /** Why it was rejected: the callee's code. Why it is still pending: what happened at the last attempt. */
  readonly reason?: string;
  readonly createdAt: Date;
  /** Since when delivery has been tried: the creation, or the last manual retry. */
  readonly pendingSince: Date;
  readonly attempts: number;
  /** When delivery may be tried (again): in a pending order, and in no other. */
  readonly dueAt?: Date;
}

/** Waits after failed attempts grow from the first to the second of these, in milliseconds. */
const FIRST_RETRY_AFTER_MS = 2_000;
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;

/** An order that could not be delivered for this long waits for a person. */
const STUCK_AFTER_MS = 24 * 3600_000;

/** A new order. It is due at `dueAt`, until when whoever stored it has it to himself. */
export function newOrder(request: OrderRequest, now: Date, dueAt: Date): Order {
  return { ...request, state: "pending", createdAt: now, pendingSince: now, attempts: 0, dueAt };
}

/**
 * What becomes of an order after an attempt to deliver it. Only the callee's own word on the order ends it: 200 or 201,
 * 400, 404 `unknown-sku` and 409. Refusals of either layer, errors and silence leave it pending, and after a day stuck.
 */
export function afterAttempt(order: Order, outcome: ServiceOutcome, now: Date): Order {
  const { dueAt, reason: lastReason, ...attempted } = { ...order, attempts: order.attempts + 1 };
  const word = lastWord(order, outcome);
  if (word === "reserved") return { ...attempted, state: "reserved" };
  if (word !== undefined) return { ...attempted, state: "rejected", reason: word.code };
  const reason = describe(outcome);
  if (now.getTime() - order.pendingSince.getTime() >= STUCK_AFTER_MS) return { ...attempted, state: "stuck", reason };
  const wait = Math.min(FIRST_RETRY_AFTER_MS * 2 ** order.attempts, LONGEST_RETRY_AFTER_MS);
  return { ...attempted, state: "pending", reason, dueAt: new Date(now.getTime() + wait) };
}

/** A stuck order, pending anew. */
export function retried({ reason, ...order }: Order, now: Date): Order {
  return { ...order, state: "pending", pendingSince: now, dueAt: now };
}

const reservation = v.object({ orderId: v.string(), sku: v.string(), quantity: v.number() });
const problem = v.object({ code: v.string() });

/** The callee's word on the order itself, or undefined where it gave none: something else may have answered in its place. */
function lastWord(order: Order, outcome: ServiceOutcome): "reserved" | { code: string } | undefined {
  if (outcome.kind !== "answer" || outcome.refusedBy !== undefined) return undefined;
  const { status, body } = outcome;
  if (status === 200 || status === 201) {
    return v.is(reservation, body) && body.orderId === order.orderId ? "reserved" : undefined;
  }
  if (!v.is(problem, body)) return undefined;
  const isFinal = status === 400 || status === 409 || (status === 404 && body.code === "unknown-sku");
  return isFinal ? { code: body.code } : undefined;
}

function describe(outcome: ServiceOutcome): string {
  if (outcome.kind !== "answer") return `${outcome.kind}: ${outcome.reason}`.slice(0, 500);
  const code = v.is(problem, outcome.body) ? ` ${outcome.body.code}` : "";
  return `the callee answered ${outcome.status}${outcome.refusedBy === "network" ? " by its access restrictions" : code}`;
}
