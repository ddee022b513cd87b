// How an order is written to Table storage, and read from it.
import type { TableEntity, TableEntityResult } from "@azure/data-tables";
import type { VersionedRow } from "@restricted-calls/shared/storage/row-version";
import type { Setback } from "./history.ts";
import { isFinished, type Order, type Problem } from "./order.ts";

/** Increased only if earlier code must not change such rows: see `shared/storage/row-version.ts`. */
export const SCHEMA_VERSION = 1;

/**
 * Orders share one partition, so that one transaction can change all rows of an order:
 *
 * - `order:{id}`: the order, for as long as it is kept;
 * - `pending:{due time}:{id}`: a copy, only while the order is pending. A query finds due orders here, the longest due first,
 *   without reading finished ones. Moving the row to a later due time leases the order until then;
 * - `finished:{time}:{id}`: when a finished order ended. A query finds the orders to remove here, without reading others.
 */
export const PARTITION = "orders";
export const prefixes = { order: "order:", pending: "pending:", finished: "finished:" } as const;

export const orderKey = (orderId: string): string => prefixes.order + orderId;
export const pendingKey = (dueAt: Date, orderId: string): string =>
  `${prefixes.pending}${dueAt.toISOString()}:${orderId}`;
export const finishedKey = (at: Date, orderId: string): string => `${prefixes.finished}${at.toISOString()}:${orderId}`;

/** A merge keeps columns that are not named, so a column that no longer applies is set to an empty text. */
export interface OrderColumns extends VersionedRow {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly state: Order["state"];
  readonly reason: string;
  readonly createdAt: Date;
  readonly pendingSince: Date;
  readonly attempts: number;
  /** JSON. */
  readonly history: string;
  /** JSON. */
  readonly problem: string;
}

export type OrderRow = TableEntityResult<OrderColumns>;

export function toRow(rowKey: string, order: Order): TableEntity {
  const { orderId, sku, quantity, state, createdAt, pendingSince, attempts } = order;
  return {
    partitionKey: PARTITION,
    rowKey,
    version: SCHEMA_VERSION,
    ...{ orderId, sku, quantity, state, createdAt, pendingSince, attempts },
    reason: order.reason ?? "",
    history: JSON.stringify(order.history),
    problem: order.problem === undefined ? "" : JSON.stringify(order.problem),
  } satisfies TableEntity<OrderColumns>;
}

/** @param dueAt from the key of the pending row; an order's own row does not know it */
export function fromRow(orderId: string, row: OrderRow, dueAt?: Date): Order {
  const { sku, quantity, state, createdAt, pendingSince, attempts, reason, history, problem } = row;
  return {
    ...{ orderId, sku, quantity, state, createdAt, pendingSince, attempts },
    ...(reason && { reason }),
    ...(problem && { problem: parsed<Problem>(problem, { code: "unreadable" }) }),
    ...(dueAt !== undefined && { dueAt }),
    history: parsed<readonly Setback[]>(history, []),
  };
}

/** A damaged row must not stop the others of its batch. */
function parsed<T>(json: string, otherwise: T): T {
  try {
    return JSON.parse(json) as T;
  } catch {
    return otherwise;
  }
}

/** The row that says when a finished order ended. */
export function finishedRow(order: Order, at: Date): TableEntity | undefined {
  if (!isFinished(order)) return undefined;
  const { orderId } = order;
  return { partitionKey: PARTITION, rowKey: finishedKey(at, orderId), version: SCHEMA_VERSION, orderId };
}
