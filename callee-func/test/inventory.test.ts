import { TableClient, type TransactionAction } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { openTable } from "@restricted-calls/shared/storage/table";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startTestStorage, type TestStorage } from "../../local/index.ts";
import { createInventory, type Inventory } from "../src/inventory/inventory.ts";

const APP = "11111111-1111-4111-8111-111111111111";
const OTHER_APP = "22222222-2222-4222-8222-22222222abcd";

let storage: TestStorage;
let inventory: Inventory;
let another: Inventory;
let tables = 0;

beforeAll(async () => {
  storage = await startTestStorage();
});
afterAll(() => storage.stop());

beforeEach(() => {
  const table = openTable(storage.endpoint, `inventory${tables++}`, () => storage.credential);
  const initialStock = { widget: 10, gizmo: 0 };
  inventory = createInventory(table, initialStock);
  another = createInventory(table, initialStock); // another instance of the app, on the same table
});

/** The code of the problem that a call ends with. */
async function codeOf(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return error instanceof ProblemError ? error.problem.code : `no problem: ${String(error)}`;
}

test("a fresh inventory is not empty", async () => {
  expect(await inventory.stockOf("widget")).toEqual({ sku: "widget", onHand: 10, reserved: 0, available: 10 });
});

test("knows no other SKU", async () => {
  expect(await codeOf(inventory.stockOf("unknown"))).toBe("unknown-sku");
  expect(await codeOf(inventory.stockOf("toString"))).toBe("unknown-sku");
  expect(await codeOf(inventory.reserve(APP, { orderId: "order-1", sku: "unknown", quantity: 1 }))).toBe("unknown-sku");
});

describe("a reservation", () => {
  const reservation = { orderId: "order-1", sku: "widget", quantity: 4 };

  test("takes stock", async () => {
    expect(await inventory.reserve(APP, reservation)).toEqual({ ...reservation, isNew: true });
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 4, available: 6 });
  });

  test("changes nothing when it is made again", async () => {
    await inventory.reserve(APP, reservation);
    expect(await inventory.reserve(APP, reservation)).toEqual({ ...reservation, isNew: false });
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 4 });
  });

  test.each([
    ["another SKU", { ...reservation, sku: "gizmo" }],
    ["another quantity", { ...reservation, quantity: 3 }],
  ])("of the same order conflicts with %s, and changes nothing", async (_, other) => {
    await inventory.reserve(APP, reservation);
    expect(await codeOf(inventory.reserve(APP, other))).toBe("order-conflict");
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 4 });
  });

  test("of the same order id by another app is another order", async () => {
    await inventory.reserve(APP, reservation);
    const others = { ...reservation, sku: "other", quantity: 1 };
    await inventory.setOnHand("other", 1);
    expect(await inventory.reserve(OTHER_APP, others)).toEqual({ ...others, isNew: true });
    expect(await inventory.reserve(OTHER_APP.toUpperCase(), others)).toEqual({ ...others, isNew: false });
    expect(await inventory.reserve(APP, reservation)).toEqual({ ...reservation, isNew: false });
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 4 });
    expect(await inventory.stockOf("other")).toMatchObject({ reserved: 1 });
  });

  test("takes the last unit, and not one more", async () => {
    await inventory.reserve(APP, { ...reservation, quantity: 10 });
    expect(await codeOf(inventory.reserve(APP, { ...reservation, orderId: "order-2", quantity: 1 }))).toBe(
      "insufficient-stock",
    );
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 10, available: 0 });
  });

  test("is refused where there is too little, and leaves nothing behind", async () => {
    expect(await codeOf(inventory.reserve(APP, { ...reservation, quantity: 11 }))).toBe("insufficient-stock");
    expect(await inventory.reserve(APP, reservation)).toMatchObject({ isNew: true });
  });
});

describe("at the same moment", () => {
  test("twice the same reservation by two instances is one", async () => {
    const reservation = { orderId: "order-1", sku: "widget", quantity: 4 };
    const results = await Promise.all([inventory.reserve(APP, reservation), another.reserve(APP, reservation)]);
    expect(results.map(({ isNew }) => isNew).sort()).toEqual([false, true]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 4 });
  });

  test("one order asking for two things gets one of them", async () => {
    const outcomes = await Promise.all([
      codeOf(inventory.reserve(APP, { orderId: "order-1", sku: "widget", quantity: 1 })),
      codeOf(another.reserve(APP, { orderId: "order-1", sku: "widget", quantity: 2 })),
    ]);
    expect(outcomes.sort()).toEqual(["no problem: undefined", "order-conflict"]);
  });

  test("more orders than there is stock: as many are reserved as there is", async () => {
    const orders = Array.from({ length: 8 }, (_, index) => ({ orderId: `order-${index}`, sku: "widget", quantity: 3 }));
    const outcomes = await Promise.all(
      orders.map((order, index) => codeOf((index % 2 ? inventory : another).reserve(APP, order))),
    );
    expect(outcomes.filter((code) => code === "no problem: undefined")).toHaveLength(3);
    expect(outcomes.filter((code) => code === "insufficient-stock")).toHaveLength(5);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 9, available: 1 });
  });
});

describe("setting the stock level", () => {
  test("changes what is there, and makes a SKU known", async () => {
    await inventory.reserve(APP, { orderId: "order-1", sku: "widget", quantity: 4 });
    expect(await inventory.setOnHand("widget", 7)).toEqual({ sku: "widget", onHand: 7, reserved: 4, available: 3 });
    expect(await inventory.setOnHand("new", 5)).toMatchObject({ onHand: 5, reserved: 0 });
    expect(await inventory.stockOf("new")).toMatchObject({ available: 5 });
  });

  test("is refused below what is reserved", async () => {
    await inventory.reserve(APP, { orderId: "order-1", sku: "widget", quantity: 4 });
    expect(await codeOf(inventory.setOnHand("widget", 3))).toBe("below-reserved");
    expect(await inventory.setOnHand("widget", 4)).toMatchObject({ available: 0 });
  });
});

test("an order that comes twice at once is never told that the units it has just taken are gone", async () => {
  const reservation = { orderId: "order-1", sku: "widget", quantity: 10 };
  const client = new TableClient(storage.endpoint, `inventory${tables - 1}`, storage.credential);
  // The second call reads the stock only when the first one has taken it.
  const late = new Proxy(client, {
    get: (target, name) =>
      name !== "getEntity"
        ? (Reflect.get(target, name) as unknown)
        : async (partition: string, key: string) => {
            const read = target.getEntity(partition, key).catch((error: unknown) => error);
            if (!key.startsWith("stock:")) return settled(await read);
            await inventory.reserve(APP, reservation);
            return target.getEntity(partition, key);
          },
  });
  const second = createInventory(() => Promise.resolve(late), { widget: 10 });
  expect(await second.reserve(APP, reservation)).toEqual({ ...reservation, isNew: false });
});

test("a reservation whose table is deleted between its read and its transaction is made in a new one", async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  const reservation = { orderId: "order-1", sku: "widget", quantity: 4 };
  await inventory.reserve(APP, { ...reservation, orderId: "before" });
  const open = openTable(storage.endpoint, `inventory${tables - 1}`, () => storage.credential);
  const client = await open();
  let isDeleted = false;
  const deleted = new Proxy(client, {
    get: (target, name) =>
      name !== "submitTransaction"
        ? (Reflect.get(target, name) as unknown)
        : async (actions: TransactionAction[]) => {
            if (!isDeleted) await target.deleteTable();
            isDeleted = true;
            return target.submitTransaction(actions);
          },
  });
  const meanwhile = createInventory(() => Promise.resolve(deleted), { widget: 10 });
  expect(await meanwhile.reserve(APP, reservation)).toEqual({ ...reservation, isNew: true });
  expect(await inventory.stockOf("widget")).toMatchObject({ onHand: 10, reserved: 4 });
});

function settled<T>(value: T): T {
  if (value instanceof Error) throw value;
  return value;
}

describe("rows of another version", () => {
  const raw = (): TableClient => new TableClient(storage.endpoint, `inventory${tables - 1}`, storage.credential);
  const partitionKey = "inventory";

  test("after this one: are read and not changed: 503 newer-row", async () => {
    await inventory.reserve(APP, { orderId: "first", sku: "widget", quantity: 1 });
    await raw().createEntity({ partitionKey, rowKey: "stock:new", version: 2, onHand: 5, reserved: 2, unit: "kg" });
    expect(await inventory.stockOf("new")).toMatchObject({ available: 3 });
    expect(await codeOf(inventory.reserve(APP, { orderId: "new-1", sku: "new", quantity: 1 }))).toBe("newer-row");
    expect(await codeOf(inventory.setOnHand("new", 9))).toBe("newer-row");
    expect(await raw().getEntity(partitionKey, "stock:new")).toMatchObject({ version: 2, reserved: 2, unit: "kg" });
  });

  test("a column more in a row of today's version stays", async () => {
    await inventory.setOnHand("widget", 20);
    await raw().updateEntity({ partitionKey, rowKey: "stock:widget", unit: "kg" }, "Merge");
    await inventory.reserve(APP, { orderId: "first", sku: "widget", quantity: 1 });
    expect(await raw().getEntity(partitionKey, "stock:widget")).toMatchObject({ unit: "kg", reserved: 1 });
  });
});
