// The stock and its reservations in Table storage.
import { setTimeout as delay } from "node:timers/promises";
import type { TableClient, TransactionAction } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { requireKnown, type VersionedRow } from "@restricted-calls/shared/storage/row-version";
import { isLostRace, orUndefined } from "@restricted-calls/shared/storage/table";

export interface Stock {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
}

export interface Reservation {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}

/** What the service does with its stock. Every refusal is a `ProblemError`. */
export interface Inventory {
  /** @throws ProblemError 404 `unknown-sku` */
  stockOf(sku: string): Promise<Stock>;
  /** @throws ProblemError 409 `below-reserved`; 503 `busy` or `newer-row` */
  setOnHand(sku: string, onHand: number): Promise<Stock>;
  /**
   * Reserves stock for an order, once: the same reservation again changes nothing. A reservation belongs to the calling app:
   * the same order id from another app is another order.
   *
   * @param appId the verified caller's client id
   * @throws ProblemError 404 `unknown-sku`; 409 `insufficient-stock` or `order-conflict`; 503 `busy` or `newer-row`
   */
  reserve(appId: string, reservation: Reservation): Promise<Reservation & { readonly isNew: boolean }>;
}

/**
 * Stock and reservations share one partition, so that taking stock (by ETag) and noting for whom (by insert) is one
 * entity-group transaction: one order can never hold two reservations. The ceiling of one partition is about 2,000
 * entities per second; a business beyond it partitions by SKU and gives up that guarantee across SKUs.
 *
 * @see https://learn.microsoft.com/azure/storage/tables/scalability-targets
 */
const PARTITION = "inventory";
const stockKey = (sku: string): string => `stock:${sku}`;
const reservationKey = (appId: string, orderId: string): string => `reservation:${appId.toLowerCase()}:${orderId}`;

/** Increased only if earlier code must not change such rows: see `shared/storage/row-version.ts`. */
const SCHEMA_VERSION = 1;

/** Each lost race means that another writer succeeded. After this many tries: 503. */
const MAX_ATTEMPTS = 10;
const RETRY_JITTER_MS = 40;

interface StockRow {
  readonly onHand: number;
  readonly reserved: number;
}

type StoredStock = StockRow & VersionedRow & { readonly etag: string };

/**
 * @param table opens the table
 * @param initialStock units by SKU: rows that do not exist yet start with these
 */
export function createInventory(
  table: () => Promise<TableClient>,
  initialStock: Readonly<Record<string, number>>,
): Inventory {
  return {
    async stockOf(sku) {
      const row = await readStock(await table(), sku);
      return view(sku, row ?? initialRow(sku) ?? unknownSku(sku));
    },

    setOnHand: (sku, onHand) =>
      untilWon(async () => {
        const client = await table();
        const row = await readStock(client, sku);
        const reserved = row?.reserved ?? 0;
        if (onHand < reserved) throw belowReserved(sku, reserved);
        await client.submitTransaction([stockChange(sku, row, { onHand, reserved })]);
        return view(sku, { onHand, reserved });
      }),

    reserve: (appId, reservation) =>
      untilWon(async () => {
        const client = await table();
        const { orderId, sku, quantity } = reservation;
        // The stock first: units that this order took in between must not look unavailable.
        const row = await readStock(client, sku);
        const held = await readReservation(client, appId, orderId);
        if (held !== undefined) {
          if (held.sku !== sku || held.quantity !== quantity) throw orderConflict(orderId);
          return { ...reservation, isNew: false };
        }
        const { onHand, reserved } = row ?? initialRow(sku) ?? unknownSku(sku);
        if (onHand - reserved < quantity) throw insufficientStock(sku, onHand - reserved);
        const rowKey = reservationKey(appId, orderId);
        await client.submitTransaction([
          stockChange(sku, row, { onHand, reserved: reserved + quantity }),
          ["create", { partitionKey: PARTITION, rowKey, version: SCHEMA_VERSION, sku, quantity }],
        ]);
        return { ...reservation, isNew: true };
      }),
  };

  function initialRow(sku: string): StockRow | undefined {
    const onHand = Object.hasOwn(initialStock, sku) ? initialStock[sku] : undefined;
    return onHand === undefined ? undefined : { onHand, reserved: 0 };
  }
}

/** Retries on write conflicts, with jitter so that competing writers spread out. */
async function untilWon<T>(attempt: () => Promise<T>): Promise<T> {
  for (let lost = 0; lost < MAX_ATTEMPTS; lost++) {
    try {
      return await attempt();
    } catch (error) {
      if (!isLostRace(error)) throw error;
      await delay(Math.random() * RETRY_JITTER_MS * (lost + 1));
    }
  }
  throw new ProblemError({
    status: 503,
    code: "busy",
    detail: `Others changed the same stock ${MAX_ATTEMPTS} times in a row. Nothing was changed; try again.`,
    headers: { "Retry-After": "1" },
  });
}

async function readStock(client: TableClient, sku: string): Promise<StoredStock | undefined> {
  return orUndefined(client.getEntity<StockRow & VersionedRow>(PARTITION, stockKey(sku)));
}

async function readReservation(
  client: TableClient,
  appId: string,
  orderId: string,
): Promise<Pick<Reservation, "sku" | "quantity"> | undefined> {
  return orUndefined(client.getEntity<Reservation>(PARTITION, reservationKey(appId, orderId)));
}

/**
 * Writes a stock row only if nobody has written it since it was read: a new row must not exist yet, an existing one must
 * have the same ETag. Columns that this version does not know stay.
 */
function stockChange(sku: string, read: StoredStock | undefined, { onHand, reserved }: StockRow): TransactionAction {
  const entity = { partitionKey: PARTITION, rowKey: stockKey(sku), version: SCHEMA_VERSION, onHand, reserved };
  if (read === undefined) return ["create", entity];
  requireKnown(read, SCHEMA_VERSION);
  return ["update", entity, "Merge", { etag: read.etag }];
}

function view(sku: string, { onHand, reserved }: StockRow): Stock {
  return { sku, onHand, reserved, available: onHand - reserved };
}

function unknownSku(sku: string): never {
  throw new ProblemError({ status: 404, code: "unknown-sku", detail: `There is no SKU '${sku}'.` });
}

function belowReserved(sku: string, reserved: number): ProblemError {
  return new ProblemError({
    status: 409,
    code: "below-reserved",
    detail: `${reserved} units of '${sku}' are reserved already; onHand cannot be less.`,
  });
}

function insufficientStock(sku: string, available: number): ProblemError {
  return new ProblemError({
    status: 409,
    code: "insufficient-stock",
    detail: `${available} units of '${sku}' are available.`,
  });
}

function orderConflict(orderId: string): ProblemError {
  return new ProblemError({
    status: 409,
    code: "order-conflict",
    detail: `Order '${orderId}' holds a reservation of another SKU or quantity.`,
  });
}
