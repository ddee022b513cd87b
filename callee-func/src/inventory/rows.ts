// The rows of the inventory in Table storage.
import { setTimeout as delay } from "node:timers/promises";
import type { TableClient, TransactionAction } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { requireKnown, type VersionedRow } from "@restricted-calls/shared/storage/row-version";
import { isLostRace, orUndefined } from "@restricted-calls/shared/storage/table";

/**
 * Stock and reservations share one partition, so that taking stock (by ETag) and noting for whom (by insert) is one
 * entity-group transaction: one order can never hold two reservations. The ceiling of one partition is about 2,000
 * entities per second; a business beyond it partitions by SKU and gives up that guarantee across SKUs.
 *
 * @see https://learn.microsoft.com/azure/storage/tables/scalability-targets
 */
export const PARTITION = "inventory";
export const stockKey = (sku: string): string => `stock:${sku}`;
export const reservationKey = (appId: string, orderId: string): string =>
  `reservation:${appId.toLowerCase()}:${orderId}`;

/** Increased only if earlier code must not change such rows: see `shared/storage/row-version.ts`. */
const SCHEMA_VERSION = 1;

/** Each lost race means that another write of the same stock row succeeded. After this many in a row: 503. */
const MAX_ATTEMPTS = 30;
/** The longest wait before a try, in milliseconds; a try takes some 10. */
const RETRY_JITTER_MS = 100;

export interface StockRow {
  readonly onHand: number;
  readonly reserved: number;
}

type StoredStock = StockRow & VersionedRow & { readonly etag: string };

export interface ReservationRow {
  readonly sku: string;
  readonly quantity: number;
}

export async function readStock(client: TableClient, sku: string): Promise<StoredStock | undefined> {
  return orUndefined(client.getEntity<StockRow & VersionedRow>(PARTITION, stockKey(sku)));
}

export async function readReservation(client: TableClient, rowKey: string): Promise<ReservationRow | undefined> {
  return orUndefined(client.getEntity<ReservationRow>(PARTITION, rowKey));
}

/**
 * Writes a stock row only if nobody has written it since it was read: a new row must not exist yet, an existing one must
 * have the same ETag. Columns that this version does not know stay.
 *
 * @throws ProblemError 503 `newer-row`
 */
export function stockChange(
  sku: string,
  read: StoredStock | undefined,
  { onHand, reserved }: StockRow,
): TransactionAction {
  const entity = { partitionKey: PARTITION, rowKey: stockKey(sku), version: SCHEMA_VERSION, onHand, reserved };
  if (read === undefined) return ["create", entity];
  requireKnown(read, SCHEMA_VERSION);
  return ["update", entity, "Merge", { etag: read.etag }];
}

export function newReservation(rowKey: string, { sku, quantity }: ReservationRow): TransactionAction {
  return ["create", { partitionKey: PARTITION, rowKey, version: SCHEMA_VERSION, sku, quantity }];
}

/**
 * Retries on write conflicts, with jitter so that competing writers spread out.
 *
 * @throws ProblemError 503 `busy`
 */
export async function untilWon<T>(attempt: () => Promise<T>): Promise<T> {
  for (let lost = 0; lost < MAX_ATTEMPTS; lost++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isLostRace(error)) throw error;
      await delay(Math.random() * RETRY_JITTER_MS);
    }
  }
  throw new ProblemError({
    status: 503,
    code: "busy",
    detail: `Others changed the same stock ${MAX_ATTEMPTS} times in a row. Nothing was changed; try again.`,
    headers: { "Retry-After": "1" },
  });
}
