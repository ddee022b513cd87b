// The outbox: orders in Table storage, with leases and retention.
import type { TableClient, TableEntityResult, TransactionAction } from "@azure/data-tables";
import { isNewer, requireKnown, type VersionedRow } from "@restricted-calls/shared/storage/row-version";
import { isLostRace, keysBetween, orUndefined, quoted } from "@restricted-calls/shared/storage/table";
import type { Order, OrderState } from "./order.ts";
import {
  finishedKey,
  finishedRow,
  fromRow,
  type OrderColumns,
  orderKey,
  type OrderRow,
  PARTITION,
  pendingKey,
  prefixes,
  SCHEMA_VERSION,
  toRow,
} from "./order-row.ts";

/** An order that is leased until the due time in the key of its pending row. */
export interface Lease {
  readonly order: Order;
  readonly until: Date;
}

/** Orders are kept here before anything is sent: an outbox. */
export interface OrderStore {
  /** Stores a new order, leased until its due time. @returns undefined where an order of that id exists */
  create(order: Order): Promise<Lease | undefined>;
  get(orderId: string): Promise<Order | undefined>;
  /** Leases pending orders that are due, the longest due first, at most 50. */
  lease(now: Date, until: Date, limit: number): Promise<readonly Lease[]>;
  /** Gives leased orders back, due at that time. */
  release(leases: readonly Lease[], dueAt: Date): Promise<void>;
  /**
   * Stores the result for a leased order, also if the table was deleted in between.
   *
   * @returns false if the lease ended and another instance has the order
   */
  settle(lease: Lease, next: Order, now: Date): Promise<boolean>;
  /**
   * Makes a stuck or rejected order pending again. The same transaction deletes the row by which retention would remove it.
   *
   * @param change makes the new order from the stored one; undefined if it does not apply
   * @returns undefined if it did not apply, or another writer was faster
   */
  revive(orderId: string, change: (order: Order) => Order | undefined): Promise<Order | undefined>;
  /** One page of orders. */
  list(state: OrderState | undefined, continuationToken?: string): Promise<OrderPage>;
  /** How many are pending and since when the oldest is, among the first thousand. */
  backlog(): Promise<{ readonly pending: number; readonly oldest: Date | undefined }>;
  /** Removes orders that ended before that time, at most 50. @returns how many */
  removeFinished(before: Date): Promise<number>;
}

export interface OrderPage {
  readonly orders: readonly Order[];
  readonly continuationToken?: string;
}

const PAGE_SIZE = 100;
/** A transaction has at most 100 changes; moving an order takes two, and so does removing one. */
const MAX_PER_TRANSACTION = 50;
const MAX_COUNTED = 1000;
/** Clocks of two instances differ by less than this, in milliseconds: no token would be good otherwise. */
const CLOCK_DIFFERENCE_MS = 3600_000;

export function createOrderStore(table: () => Promise<TableClient>): OrderStore {
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

  /** Changes many orders in one transaction; if another writer was faster with one of them, each in its own. */
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

  const find = async (orderId: string): Promise<OrderRow | undefined> =>
    orUndefined((await table()).getEntity<OrderRow>(PARTITION, orderKey(orderId)));

  /** The row that says when an order ended, after it was pending last. */
  async function finishedRowOf(orderId: string, { pendingSince }: OrderRow): Promise<TransactionAction[]> {
    const from = finishedKey(new Date(pendingSince.getTime() - CLOCK_DIFFERENCE_MS), "");
    const ended = `${keysBetween(PARTITION, from, after(prefixes.finished))} and orderId eq ${quoted(orderId)}`;
    return (await firstRows<object>(ended, 1)).map(({ rowKey }) => ["delete", keyed(rowKey)]);
  }

  return {
    async create(order) {
      if (order.dueAt === undefined) throw new Error("A new order has a due time.");
      const { orderId, dueAt } = order;
      const isNew = await submit([
        ["create", toRow(orderKey(orderId), order)],
        ["create", toRow(pendingKey(dueAt, orderId), order)],
      ]);
      return isNew ? { order, until: dueAt } : undefined;
    },

    async get(orderId) {
      const row = await find(orderId);
      return row && fromRow(orderId, row);
    },

    async lease(now, until, limit) {
      const end = prefixes.pending + now.toISOString();
      let from: string = prefixes.pending;
      let due: OrderRow[];
      do {
        const keys = keysBetween(PARTITION, from, end);
        const page: OrderRow[] = await firstRows<OrderColumns>(keys, Math.min(limit, MAX_PER_TRANSACTION));
        due = page.filter((row) => !isNewer(row, SCHEMA_VERSION));
        if (page.length === 0) return [];
        // The later version delivers its own rows; they must not hide the rows after them.
        from = `${page.at(-1)?.rowKey ?? end}\0`;
      } while (due.length === 0);
      const moved = await submitEach(due, ({ etag, timestamp, ...row }) => [
        ["delete", keyed(row.rowKey)],
        ["create", { ...row, ...keyed(pendingKey(until, row.orderId)) }],
      ]);
      return moved.map((row) => ({ order: fromRow(row.orderId, row, until), until }));
    },

    async release(leases, dueAt) {
      await submitEach(leases, ({ order, until }) => [
        ["delete", keyed(pendingKey(until, order.orderId))],
        ["create", toRow(pendingKey(dueAt, order.orderId), order)],
      ]);
    },

    async settle({ until }, next, now) {
      const { orderId, dueAt } = next;
      const added: TransactionAction[] = [];
      if (dueAt !== undefined) added.push(["create", toRow(pendingKey(dueAt, orderId), next)]);
      const finished = finishedRow(next, now);
      if (finished !== undefined) added.push(["create", finished]);
      const isStored = await submit([
        // The lease: the transaction fails if the leased row does not exist any more.
        ["delete", keyed(pendingKey(until, orderId))],
        ["update", toRow(orderKey(orderId), next), "Merge"],
        ...added,
      ]);
      // If the order exists, another instance has its lease. If not, the table was deleted: the order is stored again.
      if (isStored || (await find(orderId)) !== undefined) return isStored;
      return submit([["create", toRow(orderKey(orderId), next)], ...added]);
    },

    async revive(orderId, change) {
      const row = await find(orderId);
      const next = row && change(fromRow(orderId, row));
      if (row === undefined || next?.dueAt === undefined) return undefined;
      requireKnown(row, SCHEMA_VERSION);
      const isChanged = await submit([
        ["update", toRow(orderKey(orderId), next), "Merge", { etag: row.etag }],
        ["create", toRow(pendingKey(next.dueAt, orderId), next)],
        ...(await finishedRowOf(orderId, row)),
      ]);
      return isChanged ? next : undefined;
    },

    async list(state, continuationToken) {
      const all = keysBetween(PARTITION, prefixes.order, after(prefixes.order));
      const filter = state === undefined ? all : `${all} and state eq '${state}'`;
      const pages = (await table()).listEntities<OrderRow>({ queryOptions: { filter } });
      const settings = { maxPageSize: PAGE_SIZE, ...(continuationToken !== undefined && { continuationToken }) };
      for await (const page of pages.byPage(settings)) {
        const next = page.continuationToken;
        const orders = page.map((row) => fromRow((row.rowKey ?? "").slice(prefixes.order.length), row));
        return { orders, ...(next !== undefined && { continuationToken: next }) };
      }
      return { orders: [] };
    },

    async backlog() {
      const keys = keysBetween(PARTITION, prefixes.pending, after(prefixes.pending));
      const rows = await firstRows<{ createdAt: Date }>(keys, MAX_COUNTED, ["createdAt"]);
      const times = rows.map(({ createdAt }) => createdAt.getTime());
      return { pending: rows.length, oldest: times.length > 0 ? new Date(Math.min(...times)) : undefined };
    },

    async removeFinished(before) {
      const keys = keysBetween(PARTITION, prefixes.finished, prefixes.finished + before.toISOString());
      const ended = await firstRows<VersionedRow & { orderId: string }>(keys, MAX_PER_TRANSACTION);
      const known = ended.filter((row) => !isNewer(row, SCHEMA_VERSION));
      const removed = await submitEach(known, ({ rowKey, orderId }) => [
        ["delete", keyed(orderKey(orderId))],
        ["delete", keyed(rowKey)],
      ]);
      return removed.length;
    },
  };
}

function keyed(rowKey: string | undefined): { partitionKey: string; rowKey: string } {
  return { partitionKey: PARTITION, rowKey: rowKey ?? "" };
}

/** The first key after all that begin with the prefix. */
function after(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
