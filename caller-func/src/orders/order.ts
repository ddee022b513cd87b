// An order and its states: what follows from each outcome of a delivery.
import { problemCode, type ServiceOutcome } from "@restricted-calls/shared/service-client";
import * as v from "valibot";
import { bounded, type Setback, withSetback } from "./history.ts";

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
  /** The callee's problem document, if it rejected the order. */
  readonly problem?: Problem;
  readonly createdAt: Date;
  /** Since when delivery has been tried: the creation, or the last manual retry. */
  readonly pendingSince: Date;
  readonly attempts: number;
  /** When delivery may be tried (again); only pending orders have it. */
  readonly dueAt?: Date;
  /** Why delivery failed, the latest last; a repeated cause is one entry. */
  readonly history: readonly Setback[];
}

/** A problem document (RFC 9457): the members that every one of them may have. */
export interface Problem {
  readonly code: string;
  readonly title?: string;
  readonly status?: number;
  readonly detail?: string;
}

/**
 * Only these codes are the callee's decision against an order. Every other response is about the request, the caller or the
 * callee's own state, and the order stays pending.
 */
const finalCodes: readonly string[] = ["unknown-sku", "insufficient-stock", "order-conflict"];

/** The wait after a failed attempt, in milliseconds: doubles from the first to the second value. */
const FIRST_RETRY_AFTER_MS = 2_000;
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;

/** An order that could not be delivered for this long, in milliseconds, is stuck: it waits for a person. */
const STUCK_AFTER_MS = 24 * 3600_000;

/** The longest detail of a problem that is kept, in characters. */
const MAX_DETAIL_LENGTH = 2_000;

/** A new order, leased until `dueAt`. */
export function newOrder(request: OrderRequest, now: Date, dueAt: Date): Order {
  return { ...request, state: "pending", createdAt: now, pendingSince: now, attempts: 0, dueAt, history: [] };
}

/** Whether a request was sent. If not, the next order would fail for the same reason. */
export function wasSent({ kind }: ServiceOutcome): boolean {
  return kind === "response" || kind === "no-response";
}

/**
 * The order after an attempt to deliver it. Only the callee's own decision ends an order: 200 or 201 with its reservation,
 * or a 4xx with one of the final codes. Everything else leaves it pending, and after a day stuck. If nothing was sent, the
 * attempt does not count, and the wait does not grow.
 */
export function afterAttempt(order: Order, outcome: ServiceOutcome, now: Date): Order {
  const attempts = order.attempts + (wasSent(outcome) ? 1 : 0);
  const { dueAt, reason: lastReason, ...attempted } = { ...order, attempts };
  const decision = decisionOn(order, outcome);
  if (decision === "reserved") return { ...attempted, state: "reserved" };
  if (decision !== undefined) return { ...attempted, state: "rejected", reason: decision.code, problem: decision };
  const reason = describe(outcome);
  const history = withSetback(order.history, reason, now);
  const undelivered = { ...attempted, reason: bounded(reason), history };
  if (now.getTime() - order.pendingSince.getTime() >= STUCK_AFTER_MS) return { ...undelivered, state: "stuck" };
  const ownWait = wasSent(outcome) ? FIRST_RETRY_AFTER_MS * 2 ** order.attempts : FIRST_RETRY_AFTER_MS;
  const asked = outcome.kind === "response" ? (outcome.retryAfterMs ?? 0) : 0;
  const wait = Math.min(Math.max(ownWait, asked), LONGEST_RETRY_AFTER_MS);
  return { ...undelivered, state: "pending", dueAt: new Date(now.getTime() + wait) };
}

/** A stuck or rejected order that a person retries: pending again. Undefined for any other. */
export function retried({ reason, problem, ...order }: Order, now: Date): Order | undefined {
  if (order.state !== "stuck" && order.state !== "rejected") return undefined;
  const ended = `${order.state}, then retried by a person: ${reason ?? "no reason given"}`;
  return { ...order, state: "pending", pendingSince: now, dueAt: now, history: withSetback(order.history, ended, now) };
}

export function isFinished({ state }: Order): boolean {
  return state === "reserved" || state === "rejected";
}

const reservation = v.object({ orderId: v.string(), sku: v.string(), quantity: v.number() });
const document = v.object({
  title: v.fallback(v.optional(v.string()), undefined),
  status: v.fallback(v.optional(v.pipe(v.number(), v.integer())), undefined),
  detail: v.fallback(v.optional(v.string()), undefined),
});

/** The callee's decision on the order, or undefined if the response is none: it may come from the platform. */
function decisionOn(order: Order, outcome: ServiceOutcome): "reserved" | Problem | undefined {
  if (outcome.kind !== "response" || outcome.refusedBy !== undefined) return undefined;
  const { status, body } = outcome;
  if (status === 200 || status === 201) return isReservationOf(order, body) ? "reserved" : undefined;
  const code = problemCode(body);
  if (status < 400 || status >= 500 || code === undefined || !finalCodes.includes(code)) return undefined;
  const { title, status: stated, detail } = v.parse(document, body);
  return {
    code,
    ...(title !== undefined && { title: bounded(title) }),
    ...(stated !== undefined && { status: stated }),
    ...(detail !== undefined && { detail: bounded(detail, MAX_DETAIL_LENGTH) }),
  };
}

function isReservationOf({ orderId, sku, quantity }: Order, body: unknown): boolean {
  return v.is(reservation, body) && body.orderId === orderId && body.sku === sku && body.quantity === quantity;
}

/** The outcome in words; not bounded. */
export function describe(outcome: ServiceOutcome): string {
  if (outcome.kind !== "response") return `${outcome.kind}: ${outcome.reason}`;
  const code = problemCode(outcome.body);
  const who = outcome.refusedBy === "network" ? " by its access restrictions" : code === undefined ? "" : ` ${code}`;
  const advice = outcome.advice === undefined ? "" : `: ${outcome.advice}`;
  return `the callee responded ${outcome.status}${who}${advice}`;
}
