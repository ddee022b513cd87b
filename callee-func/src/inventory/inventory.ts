// The stock and its reservations.
import type { TableClient } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { createReserve, type Reservation, type Reserved } from "./reservations.ts";
import { readStock, stockChange, type StockRow, untilWon } from "./rows.ts";

export interface Stock {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
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
  reserve(appId: string, reservation: Reservation): Promise<Reserved>;
}

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
      return view(sku, row ?? initialRow(sku));
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

    reserve: createReserve(table, initialRow),
  };

  function initialRow(sku: string): StockRow {
    const onHand = Object.hasOwn(initialStock, sku) ? initialStock[sku] : undefined;
    return onHand === undefined ? unknownSku(sku) : { onHand, reserved: 0 };
  }
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
