import type { TableClient, TableEntityResult, TransactionAction } from "@azure/data-tables";
import { isNewer, requireKnown, type VersionedRow } from "@restricted-calls/shared/storage/row-version";
import { isLostRace, keysBetween, orUndefined, quoted } from "@restricted-calls/shared/storage/table";
import type { Order, OrderState } from "./order.ts";
import {
  finishedKey,
  finishedRow,
  fromRow,
  orderKey,
  type OrderRow,
  PARTITION,
  pendingKey,
  prefixes,
  SCHEMA_VERSION,
  toRow,
} from "./order-row.ts";

/** An order that nobody else takes for as long as its pending row's key says. */
export interface Lease {
  readonly order: Order;
  readonly until: Date;
}

/** Orders are kept here before anything is sent: an outbox. */
export interface OrderStore {
  /** Stores a new order, leased until its due time. @returns undefined where an order of that id exists */
  create(order: Order): Promise<Lease | undefined>;
  get(orderId: string): Promise<Order | undefined>;
  /** Takes pending orders whose time has come, the longest due first, at most 50. */
  lease(now: Date, until: Date, limit: number): Promise<readonly Lease[]>;
  /** Gives leased orders back, due at that time. */
  release(leases: readonly Lease[], dueAt: Date): Promise<void>;
  /**
   * Stores what became of a leased order, also where the table was deleted meanwhile.
   *
   * @returns false where the lease ran out and somebody else has the order
   */
  settle(lease: Lease, next: Order, now: Date): Promise<boolean>;
  /**
   * Makes a stuck or rejected order pending again. What would have retention remove it goes in the same transaction.
   *
   * @param change gives the order as it should be, from the one in store; undefined where that does not apply
   * @returns undefined where it did not apply, or somebody else was faster
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
/** A transaction has room for 100 changes, and both moving an order and removing one are two. */
const MAX_PER_TRANSACTION = 50;
const MAX_COUNTED = 1000;
/** Clocks of two instances differ by less than this, in milliseconds: no token would be good otherwise. */
const CLOCK_DIFFERENCE_MS = 3600_000;

/** A pending row. One of version 0 names its order and tells nothing else of it. */
type PendingRow = TableEntityResult<VersionedRow & { orderId: string }> & (OrderRow | { readonly sku?: undefined });

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

  /** Changes many orders at once, and where somebody else was faster with one of them, each by itself. */
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

  /** The row that says when an order ended, somewhere after it was pending last. Orders of version 0 have none. */
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
      let due: PendingRow[];
      do {
        const keys = keysBetween(PARTITION, from, end);
        const page: PendingRow[] = await firstRows<PendingRow>(keys, Math.min(limit, MAX_PER_TRANSACTION));
        due = page.filter((row) => !isNewer(row, SCHEMA_VERSION));
        if (page.length === 0) return [];
        // Rows of a later version are that version's to deliver; they must not hide what lies behind them.
        from = `${page.at(-1)?.rowKey ?? end}\0`;
      } while (due.length === 0);
      const moved = await submitEach(due, ({ etag, timestamp, ...row }) => [
        ["delete", keyed(row.rowKey)],
        ["create", { ...row, ...keyed(pendingKey(until, row.orderId)) }],
      ]);
      const leases = await Promise.all(
        moved.map(async (row) => {
          const full = row.sku === undefined ? await find(row.orderId) : row;
          return full && { order: fromRow(row.orderId, full, until), until };
        }),
      );
      return leases.filter((lease) => lease !== undefined);
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
        // This one holds the lease: the transaction fails where the leased row has gone.
        ["delete", keyed(pendingKey(until, orderId))],
        ["update", toRow(orderKey(orderId), next), "Merge"],
        ...added,
      ]);
      // A lease is lost to somebody who has the order. Where nobody has, the table was deleted: the order is stored anew.
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
      const rows = await firstRows<{ createdAt?: Date }>(keys, MAX_COUNTED, ["createdAt"]);
      const times = rows.flatMap(({ createdAt }) => createdAt?.getTime() ?? []);
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
