/** The orders of `npm run chaos`: how they are placed, and how they ended. */
import type { ChaosMessage, ServiceChaos } from "@restricted-calls/shared/contract-chaos";

interface Item {
  readonly sku: string;
  readonly quantity: number;
}

interface Page {
  readonly orders: readonly OrderView[];
  readonly continuationToken?: string;
}

interface OrderView extends Item {
  readonly orderId: string;
  readonly state: keyof typeof states;
  readonly reason?: string;
  readonly attempts: number;
  readonly history?: readonly { readonly what: string; readonly times: number }[];
}

const states = { pending: "pending", reserved: "done", rejected: "refused", stuck: "stuck" } as const;

/** An order takes up to so many units. */
const MOST_UNITS = 3;

/** Units by SKU: of three as many as orders can take, of two fewer than they take. */
function stockFor(orders: number): Readonly<Record<string, number>> {
  const plenty = orders * MOST_UNITS;
  return {
    widget: plenty,
    gadget: plenty,
    sprocket: plenty,
    gizmo: Math.ceil(orders / 20),
    gear: Math.ceil(orders / 40),
  };
}

const UNKNOWN = "no-such-sku";
const UNKNOWN_RATE = 0.02;

export const chaos: ServiceChaos<Item> = {
  sends: {
    settings: (count) => ({ "callee-func": { INITIAL_STOCK: JSON.stringify(stockFor(count)) } }),

    messages(count, random) {
      const skus = Object.keys(stockFor(count));
      return Array.from({ length: count }, (_, i) => {
        const sku = random() < UNKNOWN_RATE ? UNKNOWN : (skus[Math.floor(random() * skus.length)] ?? UNKNOWN);
        const order = orderOf(`chaos-${i}`, { sku, quantity: 1 + Math.floor(random() * MOST_UNITS) });
        return sku === UNKNOWN ? { ...order, ends: "refused" } : order;
      });
    },

    afterwards: (index) => orderOf(`after-${index}`, { sku: "widget", quantity: 1 }),

    async outcomes(get) {
      const orders: OrderView[] = [];
      let query: string | undefined = "";
      while (query !== undefined) {
        const page = (await get(`/api/orders${query}`)) as Page;
        orders.push(...page.orders);
        const { continuationToken: token } = page;
        query = token === undefined ? undefined : `?continuationToken=${encodeURIComponent(token)}`;
      }
      return orders.map(({ orderId: id, sku, quantity, state, reason, attempts, history }) => ({
        ...{ id, content: { sku, quantity }, state: states[state], reason, attempts, history },
      }));
    },
  },
};

function orderOf(id: string, content: Item): ChaosMessage<Item> {
  return {
    ...{ id, content, method: "POST", path: "/api/orders", body: { orderId: id, ...content } },
    promises: { 201: "done", 202: "pending", 409: "refused" },
  };
}
