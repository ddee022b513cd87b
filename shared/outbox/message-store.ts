// Messages in Table storage, with leases and retention.
import type { TableClient, TableEntity, TableEntityResult, TransactionAction } from "@azure/data-tables";
import { storageClock } from "../storage/clock.ts";
import { isNewer, requireKnown, type VersionedRow } from "../storage/row-version.ts";
import { isLostRace, keysBetween, orUndefined } from "../storage/table.ts";
import { createMarkers, type Marker } from "./markers.ts";
import { type Content, LONGEST_RETRY_AFTER_MS, type Message, type MessageState, newMessage } from "./message.ts";
import {
  fromRow,
  indexRows,
  type KeptColumns,
  type MessageColumns,
  messageKey,
  type MessageRow,
  partitionName,
  partitionOf,
  PARTITIONS,
  pendingKey,
  prefixes,
  SCHEMA_VERSION,
  timeIn,
  toRow,
} from "./message-row.ts";

/** A message that is leased until the due time in the key of its pending row. */
export interface Lease<Payload> {
  readonly message: Message<Payload>;
  readonly until: Date;
  /** The columns of the row that was leased. */
  readonly kept?: KeptColumns;
}

export interface MessageStore<Payload> {
  /** All partitions, by name. */
  readonly partitions: readonly string[];
  /** The time by the clock of storage, which all instances share: leases and due times are told by it. */
  now(): Date;
  /** The partition of all rows of a message. */
  partitionOf(id: string): string;
  /** The partitions that may have pending messages; one request. */
  marked(): Promise<readonly Marker[]>;
  /** Stores a new message, leased for so many milliseconds. @returns undefined where a message of that id exists */
  create(content: Content<Payload>, leaseMs: number): Promise<Lease<Payload> | undefined>;
  get(id: string): Promise<Message<Payload> | undefined>;
  /**
   * Leases pending messages of a partition that are due, the longest due first, at most 50. So is a message that is due
   * later than any wait or lease allows. Keeps the marker true: writes a missing one, and removes an old one if nothing is
   * pending.
   */
  lease(partition: string, until: Date, limit: number, marker?: Marker): Promise<LeaseResult<Payload>>;
  /** Gives leased messages back, due at that time. */
  release(leases: readonly Lease<Payload>[], dueAt: Date): Promise<void>;
  /**
   * Stores the result for a leased message, also if the table was deleted in between.
   *
   * @returns false if the lease ended and another instance has the message
   */
  settle(lease: Lease<Payload>, next: Message<Payload>): Promise<boolean>;
  /**
   * Makes a stuck or refused message pending again. The same transaction deletes the row by which retention would remove it.
   *
   * @param change makes the new message from the stored one; undefined if it does not apply
   * @returns undefined if it did not apply, or another writer was faster
   */
  revive(
    id: string,
    change: (message: Message<Payload>) => Message<Payload> | undefined,
  ): Promise<Message<Payload> | undefined>;
  /**
   * One page of messages, by partition. Pending and stuck ones are found without reading others.
   *
   * @throws RangeError for a continuation token of another list
   */
  list(state: MessageState | undefined, continuationToken?: string): Promise<Page<Payload>>;
  /** How many messages of a partition are pending, up to a hundred, and since when the oldest is. */
  backlog(partition: string): Promise<Backlog>;
  /** Removes messages of a partition that ended before that time, at most 50. @returns how many */
  removeFinished(partition: string, before: Date): Promise<number>;
}

export interface LeaseResult<Payload> {
  readonly leases: readonly Lease<Payload>[];
  readonly mayHaveMore: boolean;
  /** Nothing is pending, due or not. */
  readonly isEmpty: boolean;
}

export interface Page<Payload> {
  readonly messages: readonly Message<Payload>[];
  readonly continuationToken?: string;
}

export interface Backlog {
  readonly pending: number;
  readonly oldest: Date | undefined;
}

/**
 * How long a message under delivery is leased, in milliseconds: longer than a call and slow storage take. Another instance
 * delivers the messages of a crashed one after that.
 */
export const LEASE_MS = 60_000;

/** No message is due later than this, in milliseconds: the longest wait, and a minute for clocks that differ. */
const LATEST_DUE_MS = LONGEST_RETRY_AFTER_MS + 60_000;

/** A page of a list: some 100 KB, for a person. */
const PAGE_SIZE = 100;
/** A transaction has at most 100 changes; moving a message takes two, and so does removing one. */
const MAX_PER_TRANSACTION = 50;
/** Pending messages of a partition that are counted; of all partitions together, more than a thousand. */
const MAX_COUNTED = 100;

export interface MessageStoreOptions {
  /** The number of partitions, the same for ever; benchmarks compare others. */
  readonly partitions?: number;
  /** Replaces the clock of storage in tests. */
  readonly now?: () => Date;
}

/**
 * Makes the store of an outbox.
 *
 * @param open opens a table that only this outbox uses
 */
export function createMessageStore<Payload>(
  open: () => Promise<TableClient>,
  options: MessageStoreOptions = {},
): MessageStore<Payload> {
  const { partitions: count = PARTITIONS } = options;
  const clock = storageClock(open);
  const { table } = clock;
  const now = options.now ?? clock.now;
  const markers = createMarkers(table);
  const partitions = Array.from({ length: count }, (_, number) => partitionName(number));

  /** @returns false where another writer came first */
  async function submit(transaction: TransactionAction[]): Promise<boolean> {
    try {
      await (await table()).submitTransaction(transaction);
      return true;
    } catch (error) {
      if (isLostRace(error)) return false;
      throw error;
    }
  }

  /** Changes rows of one partition in one transaction; if another writer was faster with one of them, each in its own. */
  async function submitEach<T>(items: readonly T[], change: (item: T) => TransactionAction[]): Promise<T[]> {
    if (items.length === 0 || (await submit(items.flatMap(change)))) return [...items];
    if (items.length === 1) return [];
    const changed: T[] = [];
    for (const item of items) changed.push(...(await submitEach([item], change)));
    return changed;
  }

  /** The first rows that match, in one request for a range of keys. */
  async function firstRows<Row extends object>(
    filter: string,
    limit: number,
    select?: string[],
  ): Promise<TableEntityResult<Row>[]> {
    const queryOptions = { filter, ...(select && { select }) };
    for await (const page of (await table()).listEntities<Row>({ queryOptions }).byPage({ maxPageSize: limit })) {
      if (page.length > 0) return page;
    }
    return [];
  }

  const home = (id: string): string => partitionOf(id, count);
  const nameOf = (id: string): TableEntity => keyed(home(id), messageKey(id));

  /** @returns false where a message of that id exists */
  function insert(message: Message<Payload>, kept?: KeptColumns): Promise<boolean> {
    const name = nameOf(message.id);
    const rows = [toRow(name, message, kept), ...indexRows(name.partitionKey, message, kept)];
    return submit(rows.map((row) => ["create", row]));
  }

  const find = async (id: string): Promise<MessageRow | undefined> =>
    orUndefined((await table()).getEntity<MessageRow>(home(id), messageKey(id)));

  /** The first pending rows from a key on that this version knows; one query, unless a page has rows of a later version only. */
  async function pendingRows(partition: string, from: string, limit: number): Promise<PendingRows> {
    for (let begin = from; ;) {
      const keys = keysBetween(partition, begin, after(prefixes.pending));
      const page: MessageRow[] = await firstRows<MessageColumns>(keys, limit);
      // The later version delivers its own rows; they must not hide the rows after them.
      const known = page.filter((row) => !isNewer(row, SCHEMA_VERSION));
      const isFull = page.length === limit;
      if (known.length > 0 || !isFull) return { rows: known, isFull, isEmpty: page.length === 0 };
      // "!" sorts before every character of an id.
      begin = `${page.at(-1)?.rowKey ?? ""}!`;
    }
  }

  /** Those of the rows that are due, and whether a row among them is due later. */
  function dueOf(rows: readonly MessageRow[]): { readonly due: MessageRow[]; readonly isWaiting: boolean } {
    const time = now().getTime();
    const due = rows.filter(({ rowKey = "" }) => {
      const dueAt = timeIn(rowKey).getTime();
      return dueAt < time || dueAt > time + LATEST_DUE_MS;
    });
    return { due, isWaiting: due.length < rows.length };
  }

  return {
    partitions,
    now,
    partitionOf: home,
    marked: () => markers.list(),

    async create(content, leaseMs) {
      const name = nameOf(content.id);
      await markers.set(name.partitionKey);
      // Now the clock of storage is known.
      const begin = now();
      const until = new Date(begin.getTime() + leaseMs);
      const message = newMessage(content, begin, until);
      return (await insert(message)) ? { message, until } : undefined;
    },

    async get(id) {
      const row = await find(id);
      return row && fromRow(row);
    },

    async lease(partition, until, limit, marker) {
      const wanted = Math.min(limit, MAX_PER_TRANSACTION);
      const first = await pendingRows(partition, prefixes.pending, wanted);
      if (!first.isEmpty && marker === undefined) await markers.restore(partition);
      if (first.isEmpty && marker !== undefined) await markers.remove(marker, now());
      const { due, isWaiting } = dueOf(first.rows);
      let mayHaveMore = first.isFull && !isWaiting;
      if (first.isFull && isWaiting) {
        // Rows that are due too late sort after those that wait.
        const latest = pendingKey(new Date(now().getTime() + LATEST_DUE_MS), "");
        const tooLate = await pendingRows(partition, latest, wanted - due.length);
        due.push(...dueOf(tooLate.rows).due);
        mayHaveMore = tooLate.isFull;
      }
      // The two pages may overlap.
      const found = new Map(due.map((row) => [row.rowKey, row]));
      const moved = await submitEach([...found.values()], (row) => [
        ["delete", keyed(partition, row.rowKey)],
        ["create", { ...keptOf(row), ...keyed(partition, pendingKey(until, row.id)) }],
      ]);
      const leases = moved.map((row) => ({ message: fromRow<Payload>(row, until), until, kept: keptOf(row) }));
      return { leases, mayHaveMore, isEmpty: first.isEmpty };
    },

    async release(leases, dueAt) {
      for (const [partition, ofPartition] of Map.groupBy(leases, ({ message }) => home(message.id))) {
        await submitEach(ofPartition, ({ message, until, kept }) => [
          ["delete", keyed(partition, pendingKey(until, message.id))],
          ["create", toRow(keyed(partition, pendingKey(dueAt, message.id)), message, kept)],
        ]);
      }
    },

    async settle({ message, until, kept }, result) {
      // The leased row is deleted and the new one created: they need different keys.
      const isSameKey = result.dueAt?.getTime() === until.getTime();
      const next = isSameKey ? { ...result, dueAt: new Date(until.getTime() + 1) } : result;
      const name = nameOf(next.id);
      const isStored = await submit([
        // Deletes the leased row: the transaction fails if it does not exist any more.
        ...indexChanges(name.partitionKey, { ...message, dueAt: until }, next, kept),
        ["update", toRow(name, next), "Merge"],
      ]);
      // If the message exists, another instance has its lease. If not, the table was deleted: the message is stored again.
      if (isStored || (await find(next.id)) !== undefined) return isStored;
      await markers.restore(name.partitionKey);
      return insert(next, kept);
    },

    async revive(id, change) {
      const row = await find(id);
      if (row === undefined) return undefined;
      const message = fromRow<Payload>(row);
      const next = change(message);
      if (next === undefined) return undefined;
      requireKnown(row, SCHEMA_VERSION);
      const name = nameOf(id);
      await markers.set(name.partitionKey);
      const isChanged = await submit([
        ["update", toRow(name, next), "Merge", { etag: row.etag }],
        ...indexChanges(name.partitionKey, message, next, keptOf(row)),
      ]);
      return isChanged ? next : undefined;
    },

    async list(state, continuationToken) {
      const [first = "", within = ""] = continuationToken?.split(".", 2) ?? partitions;
      const begin = partitions.indexOf(first);
      if (begin === -1) throw new RangeError("The continuation token is not from this outbox.");
      const prefix = state === "pending" || state === "stuck" ? prefixes[state] : prefixes.message;
      const only = state === undefined || state === prefix.slice(0, -1) ? "" : ` and state eq '${state}'`;
      const messages: Message<Payload>[] = [];
      let inner = continuationToken === undefined ? "" : within;
      for (const partition of partitions.slice(begin)) {
        if (messages.length === PAGE_SIZE) return { messages, continuationToken: `${partition}.` };
        const filter = keysBetween(partition, prefix, after(prefix)) + only;
        const settings = {
          maxPageSize: PAGE_SIZE - messages.length,
          ...(inner !== "" && { continuationToken: inner }),
        };
        const pages = (await table()).listEntities<MessageRow>({ queryOptions: { filter } }).byPage(settings);
        for await (const page of pages) {
          messages.push(...page.map((row) => fromRow<Payload>(row)));
          const next = page.continuationToken;
          // Storage ends a page early where few rows of many match: so does this one.
          if (next !== undefined) return { messages, continuationToken: `${partition}.${next}` };
          break;
        }
        inner = "";
      }
      return { messages };
    },

    async backlog(partition) {
      const keys = keysBetween(partition, prefixes.since, after(prefixes.since));
      const rows = await firstRows<object>(keys, MAX_COUNTED, ["RowKey"]);
      const [first] = rows;
      return { pending: rows.length, oldest: first && timeIn(first.rowKey ?? "") };
    },

    async removeFinished(partition, before) {
      const keys = keysBetween(partition, prefixes.finished, prefixes.finished + before.toISOString());
      const ended = await firstRows<VersionedRow & { id: string }>(keys, MAX_PER_TRANSACTION);
      const known = ended.filter((row) => !isNewer(row, SCHEMA_VERSION));
      const removed = await submitEach(known, ({ rowKey, id }) => [
        ["delete", nameOf(id)],
        ["delete", keyed(partition, rowKey)],
      ]);
      return removed.length;
    },
  };
}

interface PendingRows {
  readonly rows: readonly MessageRow[];
  readonly isFull: boolean;
  readonly isEmpty: boolean;
}

/** The changes of the index rows from one state of a message to another. A row that only refers to the message may stay. */
function indexChanges(
  partition: string,
  before: Message<unknown>,
  after: Message<unknown>,
  kept?: KeptColumns,
): TransactionAction[] {
  const [old, wanted] = [indexRows(partition, before), indexRows(partition, after, kept)];
  const isIn = (rows: readonly TableEntity[], { rowKey }: TableEntity): boolean =>
    rows.some((row) => row.rowKey === rowKey);
  return [
    ...old
      .filter((row) => !isIn(wanted, row))
      .map(({ rowKey }): TransactionAction => ["delete", keyed(partition, rowKey)]),
    ...wanted.filter((row) => !isIn(old, row)).map((row): TransactionAction => ["create", row]),
  ];
}

/** The columns of a row that a new row of the message keeps. */
function keptOf({ etag, timestamp, partitionKey, rowKey, ...columns }: MessageRow): KeptColumns {
  return columns;
}

function keyed(partitionKey: string, rowKey: string | undefined): TableEntity {
  return { partitionKey, rowKey: rowKey ?? "" };
}

/** The first key after all that begin with the prefix. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
