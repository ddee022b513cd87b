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
  /** The callee's problem document, where it rejected the order. */
  readonly problem?: unknown;
  readonly createdAt: Date;
  /** Since when delivery has been tried: the creation, or the last manual retry. */
  readonly pendingSince: Date;
  readonly attempts: number;
  /** When delivery may be tried (again): in a pending order, and in no other. */
  readonly dueAt?: Date;
  /** What stood in the way, the latest last; the same again and again is one entry. */
  readonly history: readonly Setback[];
}

export interface Setback {
  readonly what: string;
  readonly times: number;
  readonly first: string;
  readonly last: string;
}

/** Waits after failed attempts grow from the first to the second of these, in milliseconds. */
const FIRST_RETRY_AFTER_MS = 2_000;
const LONGEST_RETRY_AFTER_MS = 15 * 60_000;

/** An order that could not be delivered for this long waits for a person. */
const STUCK_AFTER_MS = 24 * 3600_000;

/** A row has room for 32,000 characters in a column. */
const MAX_HISTORY = 10;
const MAX_REASON_LENGTH = 500;
const MAX_PROBLEM_LENGTH = 8_000;

/** A new order. It is due at `dueAt`, until when whoever stored it has it to himself. */
export function newOrder(request: OrderRequest, now: Date, dueAt: Date): Order {
  return { ...request, state: "pending", createdAt: now, pendingSince: now, attempts: 0, dueAt, history: [] };
}

/** Whether the callee was asked: else the next order would fare no better at present. */
export function wasSent({ kind }: ServiceOutcome): boolean {
  return kind === "answer" || kind === "no-answer";
}

/**
 * What becomes of an order after an attempt to deliver it. Only the callee's own word on the order ends it: 200 or 201,
 * 400, 404 `unknown-sku` and 409. Refusals of either layer, errors and silence leave it pending, and after a day stuck.
 * Where nothing was sent, that was no attempt: the order's own waits grow with what happened to this order.
 */
export function afterAttempt(order: Order, outcome: ServiceOutcome, now: Date): Order {
  const attempts = order.attempts + (wasSent(outcome) ? 1 : 0);
  const { dueAt, reason: lastReason, ...attempted } = { ...order, attempts };
  const word = lastWord(order, outcome);
  if (word === "reserved") return { ...attempted, state: "reserved" };
  if (word !== undefined) return { ...attempted, state: "rejected", reason: word.code, problem: shortened(word) };
  const reason = describe(outcome);
  const undelivered = { ...attempted, reason, history: withSetback(order.history, reason, now) };
  if (now.getTime() - order.pendingSince.getTime() >= STUCK_AFTER_MS) return { ...undelivered, state: "stuck" };
  const ownWait = wasSent(outcome) ? FIRST_RETRY_AFTER_MS * 2 ** order.attempts : FIRST_RETRY_AFTER_MS;
  const asked = outcome.kind === "answer" ? (outcome.retryAfterMs ?? 0) : 0;
  const wait = Math.min(Math.max(ownWait, asked), LONGEST_RETRY_AFTER_MS);
  return { ...undelivered, state: "pending", dueAt: new Date(now.getTime() + wait) };
}

/** A stuck order, pending anew. */
export function retried({ reason, ...order }: Order, now: Date): Order {
  return { ...order, state: "pending", pendingSince: now, dueAt: now };
}

export function isFinished({ state }: Order): boolean {
  return state === "reserved" || state === "rejected";
}

const reservation = v.object({ orderId: v.string(), sku: v.string(), quantity: v.number() });
const problem = v.looseObject({ code: v.string() });
type Problem = v.InferOutput<typeof problem>;

/** The callee's word on the order itself, or undefined where it gave none: something else may have answered in its place. */
function lastWord(order: Order, outcome: ServiceOutcome): "reserved" | Problem | undefined {
  if (outcome.kind !== "answer" || outcome.refusedBy !== undefined) return undefined;
  const { status, body } = outcome;
  if (status === 200 || status === 201) {
    return v.is(reservation, body) && body.orderId === order.orderId ? "reserved" : undefined;
  }
  if (!v.is(problem, body)) return undefined;
  const isFinal = status === 400 || status === 409 || (status === 404 && body.code === "unknown-sku");
  return isFinal ? body : undefined;
}

function describe(outcome: ServiceOutcome): string {
  if (outcome.kind !== "answer") return `${outcome.kind}: ${outcome.reason}`.slice(0, MAX_REASON_LENGTH);
  const code = v.is(problem, outcome.body) ? ` ${outcome.body.code}` : "";
  const who = outcome.refusedBy === "network" ? " by its access restrictions" : code;
  const advice = outcome.advice === undefined ? "" : `: ${outcome.advice}`;
  return `the callee answered ${outcome.status}${who}${advice}`.slice(0, MAX_REASON_LENGTH);
}

function withSetback(history: readonly Setback[], what: string, now: Date): readonly Setback[] {
  const at = now.toISOString();
  const latest = history.at(-1);
  if (latest?.what === what) return [...history.slice(0, -1), { ...latest, times: latest.times + 1, last: at }];
  return [...history, { what, times: 1, first: at, last: at }].slice(-MAX_HISTORY);
}

function shortened(word: Problem): Problem {
  return JSON.stringify(word).length <= MAX_PROBLEM_LENGTH ? word : { code: word.code };
}
