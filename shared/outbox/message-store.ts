// Messages in Table storage, with leases and retention.
import type { TableClient, TableEntity, TableEntityResult, TransactionAction } from "@azure/data-tables";
import { isNewer, requireKnown, type VersionedRow } from "../storage/row-version.ts";
import { isLostRace, keysBetween, orUndefined } from "../storage/table.ts";
import { LONGEST_RETRY_AFTER_MS, type Message, type MessageState } from "./message.ts";
import {
  fromRow,
  indexRows,
  MARKERS,
  type MessageColumns,
  messageKey,
  type MessageRow,
  partitionKeys,
  partitionOf,
  PARTITIONS,
  pendingKey,
  prefixes,
  SCHEMA_VERSION,
  toRow,
} from "./message-row.ts";

/** A message that is leased until the due time in the key of its pending row. */
export interface Lease<Payload> {
  readonly message: Message<Payload>;
  readonly until: Date;
}

/** A row that says that a partition may have pending messages. */
export interface Marker {
  readonly partition: string;
  readonly etag: string;
  /** When it was last written, by the clock of storage. */
  readonly writtenAt: Date;
}

export interface MessageStore<Payload> {
  /** All partitions, by name. */
  readonly partitions: readonly string[];
  /** The partition of all rows of a message. */
  partitionOf(id: string): string;
  /** The partitions that may have pending messages; one request. */
  marked(): Promise<readonly Marker[]>;
  /** Stores a new message, leased until its due time. @returns undefined where a message of that id exists */
  create(message: Message<Payload>): Promise<Lease<Payload> | undefined>;
  get(id: string): Promise<Message<Payload> | undefined>;
  /**
   * Leases pending messages of a partition that are due, the longest due first, at most 50. So is a message that is due
   * later than any wait or lease allows: the clock of whoever wrote it was fast.
   *
   * @returns the leases, and whether more messages may be due
   */
  lease(partition: string, now: Date, until: Date, limit: number): Promise<LeaseResult<Payload>>;
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
   * @throws RangeError for a token that is none of this store
   */
  list(state: MessageState | undefined, continuationToken?: string): Promise<Page<Payload>>;
  /**
   * How many messages of a partition are pending, up to a hundred, and since when the oldest is, by the clock of storage.
   * Keeps the markers true: it sets a missing one, and removes an old one of a partition with nothing pending.
   */
  backlog(partition: string, marker: Marker | undefined): Promise<Backlog>;
  /** Removes messages of a partition that ended before that time, at most 50. @returns how many */
  removeFinished(partition: string, before: Date): Promise<number>;
}

export interface LeaseResult<Payload> {
  readonly leases: readonly Lease<Payload>[];
  readonly mayHaveMore: boolean;
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
 * How long a message under delivery is leased, in milliseconds. Another instance delivers the messages of a crashed one after
 * that.
 */
export const LEASE_MS = 60_000;

/** No message is due later than this, in milliseconds: the longest wait, and a minute for clocks that differ. */
const LATEST_DUE_MS = LONGEST_RETRY_AFTER_MS + 60_000;

const PAGE_SIZE = 100;
/** A transaction has at most 100 changes; moving a message takes two, and so does removing one. */
const MAX_PER_TRANSACTION = 50;
/** Pending messages of a partition that are counted; of all partitions together, more than a thousand. */
const MAX_COUNTED = 100;

/** An instance writes the marker of a partition again after this time, in milliseconds, before it stores a message there. */
const MARK_AGAIN_AFTER_MS = 5 * 60_000;
/** A marker that is this old, in milliseconds, may be removed: longer than above, for clocks that differ by minutes. */
const UNMARK_AFTER_MS = 15 * 60_000;

/**
 * Makes the store of an outbox. Finding out that nothing is pending takes one query: a marker names each partition that may
 * have pending messages. It is written before the first of them, and removed long after the last.
 *
 * @param table opens a table that only this outbox uses
 * @param count the number of partitions, the same for ever; benchmarks compare others
 */
export function createMessageStore<Payload>(
  table: () => Promise<TableClient>,
  count = PARTITIONS,
): MessageStore<Payload> {
  const partitions = partitionKeys(count);
  const markedAt = new Map<string, number>();

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
  const nameOf = (id: string): TableEntity => ({ partitionKey: home(id), rowKey: messageKey(id) });

  const find = async (id: string): Promise<MessageRow | undefined> =>
    orUndefined((await table()).getEntity<MessageRow>(home(id), messageKey(id)));

  async function mark(partition: string): Promise<void> {
    const began = performance.now();
    await (await table()).upsertEntity({ partitionKey: MARKERS, rowKey: partition }, "Replace");
    markedAt.set(partition, began);
  }

  async function markOnce(partition: string): Promise<void> {
    if (performance.now() - (markedAt.get(partition) ?? -Infinity) > MARK_AGAIN_AFTER_MS) await mark(partition);
  }

  /** Does nothing if somebody has written the marker meanwhile. */
  async function unmark({ partition, etag }: Marker): Promise<void> {
    try {
      await (await table()).deleteEntity(MARKERS, partition, { etag });
    } catch (error) {
      if (!isLostRace(error)) throw error;
    }
  }

  return {
    partitions,
    partitionOf: home,

    async marked() {
      const filter = `PartitionKey eq '${MARKERS}'`;
      const rows = await firstRows<object>(filter, count);
      return rows.map(({ rowKey = "", etag, timestamp }) => ({
        partition: rowKey,
        etag,
        writtenAt: new Date(timestamp ?? ""),
      }));
    },

    async create(message) {
      const { id, dueAt } = message;
      if (dueAt === undefined) throw new Error("A new message has a due time.");
      const name = nameOf(id);
      await markOnce(name.partitionKey);
      const rows = [toRow(name, message), ...indexRows(name.partitionKey, message)];
      const isNew = await submit(rows.map((row) => ["create", row]));
      return isNew ? { message, until: dueAt } : undefined;
    },

    async get(id) {
      const row = await find(id);
      return row && fromRow(row);
    },

    async lease(partition, now, until, limit) {
      const wanted = Math.min(limit, MAX_PER_TRANSACTION);
      const between = (from: string, to: string): Promise<MessageRow[]> =>
        firstRows<MessageColumns>(keysBetween(partition, from, to), wanted);
      const end = pendingKey(now, "");
      let from: string = prefixes.pending;
      let due: MessageRow[];
      let mayHaveMore: boolean;
      do {
        const page = await between(from, end);
        mayHaveMore = page.length === wanted;
        due = page.filter((row) => !isNewer(row, SCHEMA_VERSION));
        // The later version delivers its own rows; they must not hide the rows after them.
        from = `${page.at(-1)?.rowKey ?? end}\0`;
      } while (due.length === 0 && mayHaveMore);
      if (due.length === 0) {
        const tooLate = await between(pendingKey(new Date(now.getTime() + LATEST_DUE_MS), ""), after(prefixes.pending));
        // By the clock of storage, nobody delivers them any more.
        const isOver = ({ timestamp = "" }: MessageRow): boolean => Date.parse(timestamp) <= now.getTime() - LEASE_MS;
        due = tooLate.filter((row) => !isNewer(row, SCHEMA_VERSION) && isOver(row));
      }
      const moved = await submitEach(due, ({ etag, timestamp, ...row }) => [
        ["delete", keyed(partition, row.rowKey)],
        ["create", { ...row, ...keyed(partition, pendingKey(until, row.id)) }],
      ]);
      return { leases: moved.map((row) => ({ message: fromRow(row, until), until })), mayHaveMore };
    },

    async release(leases, dueAt) {
      for (const [partition = "", ofPartition = []] of Map.groupBy(leases, ({ message }) => home(message.id))) {
        await submitEach(ofPartition, ({ message, until }) => [
          ["delete", keyed(partition, pendingKey(until, message.id))],
          ["create", toRow(keyed(partition, pendingKey(dueAt, message.id)), message)],
        ]);
      }
    },

    async settle({ message, until }, next) {
      const name = nameOf(next.id);
      const isStored = await submit([
        // Deletes the leased row: the transaction fails if it does not exist any more.
        ...indexChanges(name.partitionKey, { ...message, dueAt: until }, next),
        ["update", toRow(name, next), "Merge"],
      ]);
      // If the message exists, another instance has its lease. If not, the table was deleted: the message is stored again.
      if (isStored || (await find(next.id)) !== undefined) return isStored;
      await mark(name.partitionKey);
      return submit([toRow(name, next), ...indexRows(name.partitionKey, next)].map((row) => ["create", row]));
    },

    async revive(id, change) {
      const row = await find(id);
      if (row === undefined) return undefined;
      const message = fromRow<Payload>(row);
      const next = change(message);
      if (next === undefined) return undefined;
      requireKnown(row, SCHEMA_VERSION);
      const name = nameOf(id);
      await markOnce(name.partitionKey);
      const isChanged = await submit([
        ["update", toRow(name, next), "Merge", { etag: row.etag }],
        ...indexChanges(name.partitionKey, message, next),
      ]);
      return isChanged ? next : undefined;
    },

    async list(state, continuationToken) {
      const [first = "", within = ""] = continuationToken?.split(".", 2) ?? partitions;
      const begin = partitions.indexOf(first);
      if (begin === -1) throw new RangeError("The continuation token is none of this outbox.");
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

    async backlog(partition, marker) {
      const keys = keysBetween(partition, prefixes.since, after(prefixes.since));
      const rows = await firstRows<object>(keys, MAX_COUNTED, ["RowKey", "Timestamp"]);
      if (rows.length > 0 && marker === undefined) await mark(partition);
      if (rows.length === 0 && marker !== undefined && Date.now() - marker.writtenAt.getTime() > UNMARK_AFTER_MS) {
        await unmark(marker);
      }
      const times = rows.map(({ timestamp = "" }) => Date.parse(timestamp));
      return { pending: rows.length, oldest: times.length > 0 ? new Date(Math.min(...times)) : undefined };
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

/** The changes of the index rows from one state of a message to another. */
function indexChanges(partition: string, before: Message<unknown>, after: Message<unknown>): TransactionAction[] {
  const [old, wanted] = [indexRows(partition, before), indexRows(partition, after)];
  const isIn = (rows: readonly TableEntity[], { rowKey }: TableEntity): boolean =>
    rows.some((row) => row.rowKey === rowKey);
  const isCopy = (row: TableEntity): boolean => "payload" in row;
  return [
    ...old
      .filter((row) => !isIn(wanted, row))
      .map(({ rowKey }): TransactionAction => ["delete", keyed(partition, rowKey)]),
    ...wanted.filter((row) => !isIn(old, row)).map((row): TransactionAction => ["create", row]),
    // A row that only refers to the message stays: its time stamp is since when the message is pending.
    ...wanted
      .filter((row) => isIn(old, row) && isCopy(row))
      .map((row): TransactionAction => ["update", row, "Replace"]),
  ];
}

function keyed(partitionKey: string, rowKey: string | undefined): TableEntity {
  return { partitionKey, rowKey: rowKey ?? "" };
}

/** The first key after all that begin with the prefix. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
