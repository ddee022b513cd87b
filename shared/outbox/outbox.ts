// The outbox: stores messages before anything is sent, and delivers them to another service, at least once each.
import { randomInt } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { TableClient } from "@azure/data-tables";
import { IDENTIFIER_EXPECTED, isIdentifier } from "../identifier.ts";
import { isStorageFailure } from "../storage/table.ts";
import { defaultLimits, type ServiceOutcome, type ServiceRequest, TOKEN_TIMEOUT_MS } from "../service-client/index.ts";
import { bounded } from "./history.ts";
import {
  afterAttempt,
  type Content,
  describe,
  type Destination,
  type Message,
  type MessageState,
  retried,
  wasSent,
} from "./message.ts";
import { createLeaseQueue } from "./lease-queue.ts";
import type { Marker } from "./markers.ts";
import { createMessageStore, type Lease, LEASE_MS, type MessageStore, type Page } from "./message-store.ts";

/**
 * A delivery starts only if its lease is this long, in milliseconds: the token's wait and the deadline of a call, and a slow
 * storage operation.
 */
const LEASE_NEEDED_MS = TOKEN_TIMEOUT_MS + defaultLimits.deadlineMs + 10_000;

/**
 * The deadline of the delivery within `submit`, in milliseconds, for the token and then for the call: somebody waits, and the
 * message is stored. A response takes milliseconds; where it takes longer, a run delivers the message.
 */
const FIRST_DELIVERY_MS = 2_000;

/** Deliveries at once. Two instances and HTTP requests together stay well below the limit of the client. */
const CONCURRENT_DELIVERIES = 8;

/** How long shutdown waits for deliveries, in milliseconds, before it aborts them; the host gives the app 5 s in all. */
const DRAIN_MS = 2_500;
/** How long shutdown waits for the results of the aborted ones to be stored, in milliseconds. */
const ABORT_MS = 1_500;

/** The longest payload, in characters of JSON. A column has at most 32,000, and a transaction moves 40 messages. */
const MAX_PAYLOAD_LENGTH = 16_000;

/** The result of a run. */
export interface RunSummary {
  /** Confirmed by the destination. */
  readonly done: number;
  /** Refused by the destination, with one of its codes. */
  readonly refused: number;
  readonly stuck: number;
  /** Tried, and still pending. */
  readonly stillPending: number;
  /** Tried, but the result could not be stored: their leases run out, and they are delivered again. */
  readonly unsaved: number;
  /** Refused by the destination's access restrictions. Only the caller sees this: function apps have no log of access restrictions. */
  readonly refusedByNetwork: number;
  /** Calls beyond the first of each delivery. */
  readonly retries: number;
  /** Old finished messages that were removed. */
  readonly removed: number;
  /** Pending after the run, up to a hundred for each partition. */
  readonly pending: number;
  /** How long the oldest of them has been pending, in seconds, by the clock of storage; never negative. */
  readonly oldestSeconds?: number;
  /** Why the run ended before there was nothing left to do. */
  readonly endedEarly?: string;
}

export interface RunOptions {
  /** How long the run may take, in milliseconds. */
  readonly longestMs: number;
  /** How long finished messages are kept, in milliseconds. */
  readonly retentionMs: number;
  /** The W3C trace context of the run. */
  readonly traceParent?: string | undefined;
}

/** A durable call to another service. */
export interface Outbox<Payload> {
  /**
   * Stores a message, then tries to deliver it, for 2 s: a service that does not respond in time gets the message by a run.
   * While the app stops, it may return before the attempt is over.
   *
   * @returns its present state; for an id that exists already, the existing message as it stands: compare the payload
   * @throws TypeError for an id that is no identifier, or a payload that is no JSON or longer than 16,000 characters
   */
  submit(message: Content<Payload>, traceParent?: string): Promise<Message<Payload>>;
  get(id: string): Promise<Message<Payload> | undefined>;
  /**
   * One page of messages, up to a hundred. Pending and stuck ones are found without reading others.
   *
   * @throws RangeError for a continuation token of another list
   */
  list(state?: MessageState, continuationToken?: string): Promise<Page<Payload>>;
  /** Makes a stuck or refused message pending again, for a person. @returns undefined where it is neither */
  retry(id: string): Promise<Message<Payload> | undefined>;
  /** Delivers the pending messages whose time has come, the longest due of a partition first, and removes old ones. */
  run(options: RunOptions): Promise<RunSummary>;
  /** Starts no more deliveries and waits for those under way, for 4 s at most. Aborted ones stay pending, and back off. */
  drain(): Promise<void>;
}

export interface OutboxOptions<Payload> {
  /** Opens a table that only this outbox uses: `openTable`. */
  readonly table: () => Promise<TableClient>;
  readonly destination: Destination<Payload>;
  /** Gets each unexpected error of an attempt; the attempt counts as failed and the others continue, also if it fails. */
  readonly report?: (error: unknown) => unknown;
  /** For tests and benchmarks. */
  readonly store?: MessageStore<Payload>;
}

/**
 * Makes an outbox: messages are stored before anything is sent, delivered at least once, and never twice at the same moment.
 * How each ended is kept. One that cannot be delivered for a day is parked for a person.
 *
 * Does not check that the destination treats a repeated request as the same one: it must, because a delivery is repeated
 * whose result could not be stored. Does not deliver messages in the order of their submission.
 *
 * @throws TypeError for a client with a longer deadline than the default: a call must end before its lease
 */
export function createOutbox<Payload>({
  table,
  destination,
  report = logged,
  store = createMessageStore<Payload>(table),
}: OutboxOptions<Payload>): Outbox<Payload> {
  const { deadlineMs = 0 } = destination.client;
  if (deadlineMs > defaultLimits.deadlineMs) {
    throw new TypeError(
      `The client of an outbox has a deadline of at most ${defaultLimits.deadlineMs} ms; this one has ${deadlineMs} ms.`,
    );
  }
  const underWay = new Set<Promise<unknown>>();
  const draining = new AbortController();
  const shutdown = new AbortController();

  /** Delivers a leased message once. A step that is not stored, because of a crash, is repeated after the lease. */
  async function attempt(
    lease: Lease<Payload>,
    limits: Pick<ServiceRequest, "signal" | "deadlineMs">,
    traceParent?: string,
  ): Promise<Attempt<Payload>> {
    const { message } = lease;
    const ended = (
      outcome: ServiceOutcome,
    ): Pick<Attempt<Payload>, "outcome"> & { readonly next: Message<Payload> } => ({
      outcome,
      next: afterAttempt(message, outcome, destination, store.now()),
    });
    const call = async (): Promise<ServiceOutcome> => {
      if (message.payload === undefined) throw new Error(`The stored payload of the message ${message.id} is damaged.`);
      return destination.client({ ...destination.request(message), traceParent, ...limits });
    };
    // Also if the destination cannot tell what the response means.
    const { outcome, next } = await call()
      .then(ended)
      .catch((error: unknown) => {
        reported(error);
        return ended({ kind: "no-response", reason: "an unexpected error, see the log", tries: 0 });
      });
    try {
      if (await store.settle(lease, next)) return { outcome, message: next, saved: true };
      // Another instance has the message now; a repeated request changes nothing at the destination.
      return { outcome, message: (await store.get(message.id)) ?? message, saved: true };
    } catch (error) {
      if (!isStorageFailure(error)) reported(error);
      return { outcome, message, saved: false };
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

  async function deliverDue(
    partitions: ReadonlyMap<string, Marker | undefined>,
    options: RunOptions,
  ): Promise<{ readonly deliveries: Deliveries; readonly used: ReadonlySet<string> }> {
    const counts = { done: 0, refused: 0, stuck: 0, stillPending: 0, unsaved: 0, refusedByNetwork: 0, retries: 0 };
    const timeIsUp = AbortSignal.timeout(options.longestMs);
    const breakOff = AbortSignal.any([shutdown.signal, timeIsUp]);
    let failure: string | undefined;
    const whyStop = (): string | undefined =>
      draining.signal.aborted ? "the app is stopping" : timeIsUp.aborted ? "the next run is due" : failure;
    const mayBegin = (): boolean => whyStop() === undefined;
    const queue = createLeaseQueue(store, { partitions, neededMs: LEASE_NEEDED_MS, mayBegin });
    const worker = async (): Promise<void> => {
      for (let lease = await queue.next(); lease !== undefined; lease = await queue.next()) {
        const attempted = await attempt(lease, { signal: breakOff }, options.traceParent);
        count(counts, attempted);
        // The next message would fail for the same reason: it waits for the next run.
        if (!wasSent(attempted.outcome)) failure = bounded(describe(attempted.outcome));
      }
    };
    const workers = await Promise.allSettled(Array.from({ length: CONCURRENT_DELIVERIES }, worker));
    await queue.close();
    for (const ended of workers) if (ended.status === "rejected") throw ended.reason;
    const endedEarly = whyStop();
    // A run that ended early has not seen every partition.
    const used = endedEarly === undefined ? queue.used : new Set(partitions.keys());
    return { deliveries: { ...counts, ...(endedEarly !== undefined && { endedEarly }) }, used };
  }

  async function run(options: RunOptions): Promise<RunSummary> {
    const began = performance.now();
    const marked = await store.marked();
    // One that is visited whether it is marked or not: a missing marker is found, and old messages are removed.
    const visited = store.partitions[randomInt(store.partitions.length)] ?? "";
    const partitions = new Map<string, Marker | undefined>([
      [visited, undefined],
      ...marked.map((marker) => [marker.partition, marker] as const),
    ]);
    const { deliveries, used } = await deliverDue(partitions, options);
    const before = new Date(store.now().getTime() - options.retentionMs);
    let removed = 0;
    let batch: number;
    do removed += batch = await store.removeFinished(visited, before);
    while (batch > 0 && performance.now() < began + options.longestMs && !draining.signal.aborted);
    const backlogs = await Promise.all([...used].map((partition) => store.backlog(partition)));
    const pending = backlogs.reduce((sum, backlog) => sum + backlog.pending, 0);
    const since = backlogs.flatMap(({ oldest }) => (oldest === undefined ? [] : [oldest.getTime()]));
    const oldestSeconds = Math.max(0, Math.round((store.now().getTime() - Math.min(...since)) / 1000));
    return { ...deliveries, removed, pending, ...(since.length > 0 && { oldestSeconds }) };
  }

  /** Stores a message, and begins to deliver it. */
  async function accept(content: Content<Payload>, traceParent?: string): Promise<Accepted<Payload>> {
    // Nobody delivers it while the app stops: it is due at once.
    const lease = await store.create(content, draining.signal.aborted ? 0 : LEASE_MS);
    if (lease === undefined) return { message: await existing(content.id) };
    // Storage was slow: the timer delivers it.
    if (draining.signal.aborted || lease.until.getTime() - store.now().getTime() <= LEASE_NEEDED_MS) {
      return { message: lease.message };
    }
    const limits = { signal: shutdown.signal, deadlineMs: FIRST_DELIVERY_MS };
    const attempted = track(attempt(lease, limits, traceParent)).then(({ message }) => message);
    return { message: lease.message, attempted };
  }

  return {
    async submit({ id, payload }, traceParent) {
      if (!isIdentifier(id)) throw new TypeError(`The id of a message: ${IDENTIFIER_EXPECTED}.`);
      const json = JSON.stringify(payload) as string | undefined;
      if (json === undefined || json.length > MAX_PAYLOAD_LENGTH) {
        throw new TypeError(`The payload of a message is JSON of up to ${MAX_PAYLOAD_LENGTH} characters.`);
      }
      const content = { id, payload: JSON.parse(json) as Payload };
      const { message, attempted = message } = await track(accept(content, traceParent));
      const { promise: stopped, resolve } = Promise.withResolvers<Message<Payload>>();
      const stop = (): void => {
        resolve(message);
      };
      // Storage may be slow: the response must not come after the end of the app.
      shutdown.signal.addEventListener("abort", stop);
      if (shutdown.signal.aborted) stop();
      try {
        return await Promise.race([attempted, stopped]);
      } finally {
        shutdown.signal.removeEventListener("abort", stop);
      }
    },

    get: (id) => store.get(id),
    list: (state, continuationToken) => store.list(state, continuationToken),
    retry: (id) => store.revive(id, (message) => retried(message, store.now())),
    run: (options) => track(run(options)),

    async drain() {
      draining.abort();
      const over = Promise.allSettled(underWay);
      await Promise.race([over, delay(DRAIN_MS, undefined, { ref: false })]);
      shutdown.abort();
      await Promise.race([over, delay(ABORT_MS, undefined, { ref: false })]);
    },
  };

  async function existing(id: string): Promise<Message<Payload>> {
    const message = await store.get(id);
    if (message === undefined) throw new Error(`Message ${id} existed a moment ago and does not exist any more.`);
    return message;
  }
}

type Deliveries = Omit<RunSummary, "removed" | "pending" | "oldestSeconds">;

interface Accepted<Payload> {
  readonly message: Message<Payload>;
  /** The message after its first attempt. */
  readonly attempted?: Promise<Message<Payload>>;
}

interface Attempt<Payload> {
  readonly outcome: ServiceOutcome;
  readonly message: Message<Payload>;
  readonly saved: boolean;
}

type Counts = Record<Exclude<keyof Deliveries, "endedEarly">, number>;

function count(counts: Counts, { outcome, message, saved }: Attempt<unknown>): void {
  counts.retries += Math.max(outcome.tries - 1, 0);
  if (outcome.kind === "response" && outcome.refusedBy === "network") counts.refusedByNetwork++;
  counts[!saved ? "unsaved" : message.state === "pending" ? "stillPending" : message.state]++;
}

function logged(error: unknown): void {
  console.error("An attempt to deliver a message failed with an unexpected error.", error);
}
