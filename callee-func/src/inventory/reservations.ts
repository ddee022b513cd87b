// Reserves stock: all that waits for the same SKU in one transaction, each with its own result.
import type { TableClient } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { existingEntity } from "@restricted-calls/shared/storage/table";
import { createBatches } from "./batches.ts";
import {
  newReservation,
  readReservation,
  readStock,
  reservationKey,
  type ReservationRow,
  stockChange,
  type StockRow,
  untilWon,
} from "./rows.ts";

export interface Reservation {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}

export type Reserved = Reservation & { readonly isNew: boolean };

/** The reservations of one transaction: with the stock row 100 entities, the most that it may have, and far below its 4 MiB. */
const BATCH_SIZE = 99;

/** A reservation to make, and the key of its row. */
interface Order extends Reservation {
  readonly rowKey: string;
}

/**
 * @param table opens the table
 * @param initialRow the stock of a SKU that has no row yet. @throws ProblemError 404 `unknown-sku`
 * @returns `Inventory.reserve`
 */
export function createReserve(
  table: () => Promise<TableClient>,
  initialRow: (sku: string) => StockRow,
): (appId: string, reservation: Reservation) => Promise<Reserved> {
  const reserve = createBatches<Order, Reserved>({
    size: BATCH_SIZE,
    idOf: ({ rowKey }) => rowKey,
    async work(sku, undecided, decide) {
      const client = await table();
      let hasConflicted = false;
      const round = async (): Promise<void> => {
        let taking: readonly Order[] = [];
        try {
          const row = await readStock(client, sku);
          const { onHand, reserved } = row ?? initialRow(sku);
          taking = covered(undecided, onHand - reserved);
          const stock = { onHand, reserved: taking.reduce((units, { quantity }) => units + quantity, reserved) };
          if (taking.length > 0) {
            const reservations = taking.map((order) => newReservation(order.rowKey, order));
            await client.submitTransaction([stockChange(sku, row, stock), ...reservations]);
          }
          for (const order of taking) decide(order, resultOf(order, true));
          if (undecided.size > 0) throw insufficientStock(sku, stock.onHand - stock.reserved);
        } catch (error) {
          if (error instanceof ProblemError) {
            // A reservation is read after the stock: units that its own order has taken must not look unavailable.
            for (const order of undecided) decide(order, heldOr(client, order, error));
            return;
          }
          const existing = existingEntity(error);
          // The first change is the stock row: another instance created it.
          if (existing === undefined || existing === 0) throw error;
          // First the order that storage names, then all: repeated orders often come together.
          const named = taking[existing - 1];
          const suspects = named === undefined || hasConflicted ? [...undecided] : [named];
          hasConflicted = true;
          const held = await Promise.all(suspects.map(({ rowKey }) => readReservation(client, rowKey)));
          if (held.every((row) => row === undefined)) throw error;
          suspects.forEach((order, i) => {
            const row = held[i];
            if (row !== undefined) decide(order, repeated(order, row));
          });
        }
      };
      // A reservation that was found is no lost race: no wait, and no attempt.
      while (undecided.size > 0) await untilWon(round);
    },
  });
  return (appId, reservation) =>
    reserve(reservation.sku, { ...reservation, rowKey: reservationKey(appId, reservation.orderId) });
}

/** The orders that get their units, first come first served: a small one also after one that is too large. */
function covered(orders: Iterable<Order>, available: number): readonly Order[] {
  const found: Order[] = [];
  let left = available;
  for (const order of orders) {
    if (order.quantity > left) continue;
    left -= order.quantity;
    found.push(order);
  }
  return found;
}

async function heldOr(client: TableClient, order: Order, refusal: ProblemError): Promise<Reserved> {
  const held = await readReservation(client, order.rowKey);
  if (held === undefined) throw refusal;
  return repeated(order, held);
}

function repeated(order: Order, held: ReservationRow): Promise<Reserved> {
  const isSame = held.sku === order.sku && held.quantity === order.quantity;
  return isSame ? Promise.resolve(resultOf(order, false)) : Promise.reject(orderConflict(order.orderId));
}

function resultOf({ orderId, sku, quantity }: Order, isNew: boolean): Reserved {
  return { orderId, sku, quantity, isNew };
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
