import { odata, type TableClient, type TableEntityResult, TableTransaction } from "@azure/data-tables";
import { isLostRace, orUndefined } from "shared/storage/table";
import type { Order, OrderState } from "./order.ts";

/** An order as it was read or written last: its ETag is the right to change it. */
export interface StoredOrder extends Order {
  readonly etag: string;
}

/** Orders are kept here before anything is sent: an outbox. */
export interface OrderStore {
  /** @returns undefined where an order of that id exists */
  create(order: Order): Promise<StoredOrder | undefined>;
  get(orderId: string): Promise<StoredOrder | undefined>;
  /** @returns undefined where somebody else has changed the order since it was read */
  replace(stored: StoredOrder, next: Order): Promise<StoredOrder | undefined>;
  /** Ids of pending orders whose time has come, the longest due first. */
  due(now: Date, limit: number): Promise<readonly string[]>;
  /** One page of orders. */
  list(state: OrderState | undefined, continuationToken?: string): Promise<OrderPage>;
}

export interface OrderPage {
  readonly orders: readonly Order[];
  readonly continuationToken?: string;
}

/**
 * Orders share one partition: a row for each order, and for each pending one a second row whose key begins with its due
 * time. One transaction changes both, so that finding work reads the second kind only and never scans what is done.
 */
const PARTITION = "orders";
const ORDER = "order:";
const PENDING = "pending:";
const orderKey = (orderId: string): string => ORDER + orderId;
const pendingKey = (dueAt: Date, orderId: string): string => `${PENDING}${dueAt.toISOString()}:${orderId}`;

const PAGE_SIZE = 100;

type OrderRow = Omit<Order, "orderId">;

export function createOrderStore(table: () => Promise<TableClient>): OrderStore {
  /** Writes the order row and keeps its pending row in step; undefined where another writer came first. */
  async function write(next: Order, previous?: StoredOrder): Promise<StoredOrder | undefined> {
    const transaction = new TableTransaction();
    const row = toRow(next);
    if (previous === undefined) transaction.createEntity(row);
    else transaction.updateEntity(row, "Replace", { etag: previous.etag });
    if (previous?.dueAt) transaction.deleteEntity(PARTITION, pendingKey(previous.dueAt, next.orderId));
    if (next.dueAt) {
      transaction.createEntity({
        partitionKey: PARTITION,
        rowKey: pendingKey(next.dueAt, next.orderId),
        orderId: next.orderId,
      });
    }
    try {
      const response = await (await table()).submitTransaction(transaction.actions);
      return { ...next, etag: response.getResponseForEntity(row.rowKey)?.etag ?? "" };
    } catch (error) {
      if (isLostRace(error)) return undefined;
      throw error;
    }
  }

  return {
    create: (order) => write(order),
    replace: (stored, next) => write(next, stored),

    async get(orderId) {
      const row = await orUndefined((await table()).getEntity<OrderRow>(PARTITION, orderKey(orderId)));
      return row && fromRow(row);
    },

    async due(now, limit) {
      const filter = odata`PartitionKey eq ${PARTITION} and RowKey ge ${PENDING} and RowKey lt ${PENDING + now.toISOString()}`;
      const pages = (await table()).listEntities<{ orderId: string }>({ queryOptions: { filter } });
      for await (const page of pages.byPage({ maxPageSize: limit })) {
        if (page.length > 0) return page.map(({ orderId }) => orderId);
      }
      return [];
    },

    async list(state, continuationToken) {
      const all = odata`PartitionKey eq ${PARTITION} and RowKey ge ${ORDER} and RowKey lt ${nextAfter(ORDER)}`;
      const filter = state === undefined ? all : `${all} and ${odata`state eq ${state}`}`;
      const pages = (await table()).listEntities<OrderRow>({ queryOptions: { filter } });
      const settings = { maxPageSize: PAGE_SIZE, ...(continuationToken !== undefined && { continuationToken }) };
      for await (const page of pages.byPage(settings)) {
        const next = page.continuationToken;
        return { orders: page.map(fromRow), ...(next !== undefined && { continuationToken: next }) };
      }
      return { orders: [] };
    },
  };
}

function toRow({ orderId, ...order }: Order): OrderRow & { partitionKey: string; rowKey: string } {
  return { partitionKey: PARTITION, rowKey: orderKey(orderId), ...order };
}

function fromRow(row: TableEntityResult<OrderRow>): StoredOrder {
  return {
    orderId: (row.rowKey ?? "").slice(ORDER.length),
    sku: row.sku,
    quantity: row.quantity,
    state: row.state,
    ...(row.reason !== undefined && { reason: row.reason }),
    createdAt: row.createdAt,
    pendingSince: row.pendingSince,
    attempts: row.attempts,
    ...(row.dueAt !== undefined && { dueAt: row.dueAt }),
    etag: row.etag,
  };
}

/** The first key after all that begin with the prefix. */
function nextAfter(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
