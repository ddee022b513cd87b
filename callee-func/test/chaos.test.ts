import { describe, expect, it } from "vitest";
import { chaos } from "../chaos.ts";

const settings = { INITIAL_STOCK: '{"bolt":10,"nut":5}' };
const done = [
  { id: "a", content: { sku: "bolt", quantity: 2 } },
  { id: "b", content: { sku: "bolt", quantity: 1 } },
];
const bolt = { sku: "bolt", onHand: 10, reserved: 3, available: 7 };
const nut = { sku: "nut", onHand: 5, reserved: 0, available: 5 };
const [a, b] = [
  { orderId: "a", sku: "bolt", quantity: 2 },
  { orderId: "b", sku: "bolt", quantity: 1 },
];
type Found = Awaited<ReturnType<NonNullable<typeof chaos.receives>["read"]>>;
const failures = (found: Found) => chaos.receives?.failures(done, found, settings);

describe("the inventory after chaos", () => {
  it("passes when it adds up", () => {
    expect(failures({ stock: [bolt, nut], reservations: [a, b] })).toEqual([]);
  });

  it.each<[string, Found, string]>([
    [
      "units on hand changed",
      { stock: [bolt, { ...nut, onHand: 6 }], reservations: [a, b] },
      "nut: 6 units on hand instead of 5",
    ],
    [
      "one unit more is reserved than orders have",
      { stock: [{ ...bolt, reserved: 4 }, nut], reservations: [a, b] },
      "bolt: orders reserve 3 units, the stock has 4 reserved",
    ],
    [
      "more was reserved than there is",
      { stock: [bolt, { ...nut, available: -1 }], reservations: [a, b] },
      "nut: -1 units are available",
    ],
    ["an order has two reservations", { stock: [bolt, nut], reservations: [a, b, b] }, "b has two reservations"],
    [
      "a reserved order has no reservation",
      { stock: [bolt, nut], reservations: [a] },
      "b is reserved, but has no reservation",
    ],
    [
      "a reservation has another quantity",
      { stock: [bolt, nut], reservations: [a, { ...b, quantity: 2 }] },
      "b has a reservation of another SKU or quantity",
    ],
    [
      "a reservation has another SKU",
      { stock: [bolt, nut], reservations: [a, { ...b, sku: "nut" }] },
      "b has a reservation of another SKU or quantity",
    ],
    [
      "an order that is not reserved has a reservation",
      { stock: [bolt, nut], reservations: [a, b, { ...b, orderId: "c" }] },
      "c has a reservation, but is not reserved",
    ],
  ])("fails when %s", (_, found, failure) => {
    expect(failures(found)).toEqual([failure]);
  });

  it("is read from the API and from the rows, in which stock is not a reservation", async () => {
    const stock: Record<string, unknown> = { "/api/inventory/bolt": bolt, "/api/inventory/nut": nut };
    const rows = [
      { rowKey: "stock:bolt", onHand: 10, reserved: 3 },
      { rowKey: "reservation:some-app:a", sku: "bolt", quantity: 2 },
    ];
    const found = await chaos.receives?.read({
      settings,
      get: (path) => Promise.resolve(stock[path]),
      rows: (table) => Promise.resolve(table === "inventory" ? rows : []),
    });
    expect(found).toEqual({ stock: [bolt, nut], reservations: [a] });
  });
});
