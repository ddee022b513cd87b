/** The inventory after `npm run chaos`: each reserved order has one reservation, and the stock adds up to the unit. */
import type { ServiceChaos } from "@restricted-calls/shared/contract-chaos";

/** What a caller delivers. */
interface Item {
  readonly sku: string;
  readonly quantity: number;
}

interface Stock {
  readonly sku: string;
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
}

interface Inventory {
  /** As the API shows it. */
  readonly stock: readonly Stock[];
  /** As the rows have it. */
  readonly reservations: readonly (Item & { readonly orderId: string })[];
}

/** Units by SKU. */
type Units = Readonly<Record<string, number>>;

export const chaos: ServiceChaos<Item, Inventory> = {
  receives: {
    async read({ get, rows, settings }) {
      const stock = await Promise.all(
        Object.keys(initialStock(settings)).map((sku) => get(`/api/inventory/${sku}`) as Promise<Stock>),
      );
      const reservations = (await rows("inventory")).flatMap(({ rowKey, sku, quantity }) => {
        // reservation:{calling app}:{order id}
        const [kind, , orderId] = String(rowKey).split(":");
        if (kind !== "reservation" || orderId === undefined) return [];
        return [{ orderId, sku: String(sku), quantity: Number(quantity) }];
      });
      return { stock, reservations };
    },

    failures: (done, { stock, reservations }, settings) => [
      ...Object.entries(initialStock(settings)).flatMap(([sku, onHand]) => {
        const found = stock.find((entry) => entry.sku === sku);
        const expected = sum(done.filter(({ content }) => content.sku === sku).map(({ content }) => content.quantity));
        return [
          ...(found?.onHand === onHand ? [] : [`${sku}: ${found?.onHand ?? "no"} units on hand instead of ${onHand}`]),
          ...(found?.reserved === expected
            ? []
            : [`${sku}: orders reserve ${expected} units, the stock has ${found?.reserved ?? "none"} reserved`]),
          ...(found !== undefined && found.available < 0 ? [`${sku}: ${found.available} units are available`] : []),
        ];
      }),
      ...repeated(reservations.map(({ orderId }) => orderId)).map((orderId) => `${orderId} has two reservations`),
      ...done.flatMap(({ id, content }) => {
        const reservation = reservations.find(({ orderId }) => orderId === id);
        if (reservation === undefined) return [`${id} is reserved, but has no reservation`];
        const isSame = reservation.sku === content.sku && reservation.quantity === content.quantity;
        return isSame ? [] : [`${id} has a reservation of another SKU or quantity`];
      }),
      ...reservations
        .filter(({ orderId }) => !done.some(({ id }) => id === orderId))
        .map(({ orderId }) => `${orderId} has a reservation, but is not reserved`),
    ],
  },
};

function initialStock(settings: Readonly<Record<string, string>>): Units {
  return JSON.parse(settings["INITIAL_STOCK"] ?? "{}") as Units;
}

function repeated(ids: readonly string[]): readonly string[] {
  return ids.filter((id, i) => ids.indexOf(id) < i);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
