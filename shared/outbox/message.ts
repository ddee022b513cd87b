// A message and its states: what follows from each outcome of a delivery.
import * as v from "valibot";
import { problemCode, type ServiceClient, type ServiceOutcome, type ServiceRequest } from "../service-client/index.ts";
import { bounded, type Setback, withSetback } from "./history.ts";

/** `done` and `refused` are decisions of the destination. A `stuck` message could not be delivered and waits for a person. */
export const messageStates = ["pending", "done", "refused", "stuck"] as const;

export type MessageState = (typeof messageStates)[number];

/** What is to be delivered. */
export interface Content<Payload> {
  /** Identifies the message, here and at the destination. */
  readonly id: string;
  /** JSON. */
  readonly payload: Payload;
}

export interface Message<Payload> extends Content<Payload> {
  readonly state: MessageState;
  /** Why it was refused: the destination's code. Why it is still pending: what happened at the last attempt. */
  readonly reason?: string;
  /** The destination's problem document, if it refused the message. */
  readonly problem?: Problem;
  readonly createdAt: Date;
  /** Since when delivery has been tried: the creation, or the last manual retry. */
  readonly pendingSince: Date;
  readonly attempts: number;
  /** When delivery may be tried (again); only leased and new messages have it. */
  readonly dueAt?: Date;
  /** When delivery ended; all but pending messages have it. */
  readonly endedAt?: Date;
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

/** The service that gets the messages, and what its responses mean. */
export interface Destination<Payload> {
  readonly client: ServiceClient;
  /** The request that delivers a message. The service must treat its repetition as the same request. */
  readonly request: (message: Content<Payload>) => Pick<ServiceRequest, "method" | "path" | "body">;
  /** Whether the body of a 2xx response confirms this message. Any other 2xx response may come from the platform. */
  readonly isDone: (message: Content<Payload>, body: unknown) => boolean;
  /**
   * Only a 4xx with one of these codes is the service's decision against a message. Every other response is about the
   * request, the caller or the service's own state, and the message stays pending.
   */
  readonly refusalCodes: readonly string[];
}

/**
 * The wait after a failed attempt, in milliseconds: doubles from the first value, which bridges a restart, to the second one,
 * so that a message goes within a quarter of an hour after the end of an outage.
 */
const FIRST_RETRY_AFTER_MS = 2_000;
export const LONGEST_RETRY_AFTER_MS = 15 * 60_000;

/**
 * A message that could not be delivered for this long, in milliseconds, is stuck: it waits for a person. A day bridges outages
 * that end without the business, and expired tokens of a managed identity's cache.
 */
const STUCK_AFTER_MS = 24 * 3600_000;

/** The longest detail of a problem that is kept, in characters. */
const MAX_DETAIL_LENGTH = 2_000;

/** A new message, leased until `dueAt`. */
export function newMessage<Payload>({ id, payload }: Content<Payload>, now: Date, dueAt: Date): Message<Payload> {
  return { id, payload, state: "pending", createdAt: now, pendingSince: now, attempts: 0, dueAt, history: [] };
}

/** Whether a request was sent. If not, the next message would fail for the same reason. */
export function wasSent({ kind }: ServiceOutcome): boolean {
  return kind === "response" || kind === "no-response";
}

/**
 * The message after an attempt to deliver it. Only the destination's own decision ends a message. Everything else leaves it
 * pending, and after a day stuck. If nothing was sent, the attempt does not count, and the wait does not grow.
 */
export function afterAttempt<Payload>(
  message: Message<Payload>,
  outcome: ServiceOutcome,
  destination: Pick<Destination<Payload>, "isDone" | "refusalCodes">,
  now: Date,
): Message<Payload> {
  const attempts = message.attempts + (wasSent(outcome) ? 1 : 0);
  const { dueAt, reason: lastReason, ...attempted } = { ...message, attempts };
  const decision = decisionOn(message, outcome, destination);
  if (decision === "done") return { ...attempted, state: "done", endedAt: now };
  if (decision !== undefined) {
    return { ...attempted, state: "refused", reason: decision.code, problem: decision, endedAt: now };
  }
  const reason = describe(outcome);
  const history = withSetback(message.history, reason, now);
  const undelivered = { ...attempted, reason: bounded(reason), history };
  if (now.getTime() - message.pendingSince.getTime() >= STUCK_AFTER_MS) {
    return { ...undelivered, state: "stuck", endedAt: now };
  }
  const ownWait = wasSent(outcome) ? FIRST_RETRY_AFTER_MS * 2 ** message.attempts : FIRST_RETRY_AFTER_MS;
  const asked = outcome.kind === "response" ? (outcome.retryAfterMs ?? 0) : 0;
  const wait = Math.min(Math.max(ownWait, asked), LONGEST_RETRY_AFTER_MS);
  return { ...undelivered, state: "pending", dueAt: new Date(now.getTime() + wait) };
}

/** A stuck or refused message that a person retries: pending again. Undefined for any other. */
export function retried<Payload>(
  { reason, problem, endedAt, ...message }: Message<Payload>,
  now: Date,
): Message<Payload> | undefined {
  if (message.state !== "stuck" && message.state !== "refused") return undefined;
  const ended = `${message.state}, then retried by a person: ${reason ?? "no reason given"}`;
  const history = withSetback(message.history, ended, now);
  return { ...message, state: "pending", pendingSince: now, dueAt: now, history };
}

const document = v.object({
  title: v.fallback(v.optional(v.string()), undefined),
  status: v.fallback(v.optional(v.pipe(v.number(), v.integer())), undefined),
  detail: v.fallback(v.optional(v.string()), undefined),
});

/** The destination's decision on the message, or undefined if the response is none: it may come from the platform. */
function decisionOn<Payload>(
  message: Message<Payload>,
  outcome: ServiceOutcome,
  { isDone, refusalCodes }: Pick<Destination<Payload>, "isDone" | "refusalCodes">,
): "done" | Problem | undefined {
  if (outcome.kind !== "response" || outcome.refusedBy !== undefined) return undefined;
  const { status, body } = outcome;
  if (status >= 200 && status < 300) return isDone(message, body) ? "done" : undefined;
  const code = problemCode(body);
  if (status < 400 || status >= 500 || code === undefined || !refusalCodes.includes(code)) return undefined;
  const { title, status: stated, detail } = v.parse(document, body);
  return {
    code,
    ...(title !== undefined && { title: bounded(title) }),
    ...(stated !== undefined && { status: stated }),
    ...(detail !== undefined && { detail: bounded(detail, MAX_DETAIL_LENGTH) }),
  };
}

/** The outcome in words; not bounded. */
export function describe(outcome: ServiceOutcome): string {
  if (outcome.kind !== "response") return `${outcome.kind}: ${outcome.reason}`;
  const code = problemCode(outcome.body);
  const who = outcome.refusedBy === "network" ? " by its access restrictions" : code === undefined ? "" : ` ${code}`;
  const advice = outcome.advice === undefined ? "" : `: ${outcome.advice}`;
  return `the callee responded ${outcome.status}${who}${advice}`;
}
