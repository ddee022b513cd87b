import { TableClient } from "@azure/data-tables";
import { openTable } from "@restricted-calls/shared/storage/table";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startTestStorage, type TestStorage } from "../../local/index.ts";
import { newOrder, type Order, retried } from "../src/orders/order.ts";
import { createOrderStore, type Lease, type OrderStore } from "../src/orders/order-store.ts";

let storage: TestStorage;
let store: OrderStore;
/** The same table, past the store. */
let table: TableClient;
let count = 0;

const T0 = new Date("2026-01-01T00:00:00Z");
const at = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);
const DAY = 24 * 3600;

beforeAll(async () => {
  storage = await startTestStorage();
});
afterAll(() => storage.stop());
beforeEach(() => {
  const name = `orders${++count}`;
  store = createOrderStore(openTable(storage.endpoint, name, () => storage.credential));
  table = new TableClient(storage.endpoint, name, storage.credential);
});

async function created(orderId: string, due = 0): Promise<Lease> {
  const lease = await store.create(newOrder({ orderId, sku: "widget", quantity: 2 }, T0, at(due)));
  if (lease === undefined) throw new Error(`${orderId} existed`);
  return lease;
}

const reserved = ({ dueAt, ...order }: Order): Order => ({ ...order, state: "reserved", attempts: order.attempts + 1 });
const stuck = ({ dueAt, ...order }: Order): Order => ({ ...order, state: "stuck", reason: "no-response: X" });
const idsOf = (leases: readonly Lease[]): string[] => leases.map(({ order }) => order.orderId);

async function keys(): Promise<string[]> {
  const rows: string[] = [];
  for await (const { rowKey } of table.listEntities()) rows.push(rowKey ?? "");
  return rows;
}

describe("an order's rows", () => {
  test("are stored once", async () => {
    const { order } = await created("a");
    expect(await store.create(order)).toBeUndefined();
    expect(await keys()).toEqual(["order:a", "pending:2026-01-01T00:00:00.000Z:a"]);
    const { dueAt, ...stored } = order;
    expect(await store.get("a")).toEqual(stored);
    expect(await store.get("b")).toBeUndefined();
  });

  test("change together: pending, due again, finished, gone", async () => {
    const lease = await created("a");
    const again = { ...lease.order, attempts: 1, reason: "no-response: X", dueAt: at(30) };
    expect(await store.settle(lease, again, at(1))).toBe(true);
    expect(await keys()).toEqual(["order:a", "pending:2026-01-01T00:00:30.000Z:a"]);
    const [second] = await store.lease(at(31), at(90), 10);
    if (second === undefined) throw new Error("not due");
    expect(second.order).toEqual({ ...again, dueAt: at(90) });
    const { reason, ...rest } = reserved(second.order);
    expect(await store.settle(second, rest, at(32))).toBe(true);
    expect(await keys()).toEqual(["finished:2026-01-01T00:00:32.000Z:a", "order:a"]);
    expect(await store.get("a")).toEqual({ ...rest, history: [] }); // the old reason has not stayed behind
    expect(await store.removeFinished(at(32))).toBe(0);
    expect(await store.removeFinished(at(33))).toBe(1);
    expect(await keys()).toEqual([]);
  });

  test("keep what an order went through: reason, problem document, history", async () => {
    const lease = await created("a");
    const problem = { code: "unknown-sku", detail: "There is no SKU 'widget'.", status: 404, title: "Not Found" };
    const history = [{ what: "no-response: X", times: 3, first: T0.toISOString(), last: at(9).toISOString() }];
    const { dueAt, ...order } = lease.order;
    const rejected: Order = { ...order, state: "rejected", reason: "unknown-sku", problem, history, attempts: 4 };
    await store.settle(lease, rejected, at(9));
    expect(await store.get("a")).toEqual(rejected);
  });
});

test("an order without a due time is a mistake of this code", async () => {
  const { dueAt, ...order } = newOrder({ orderId: "a", sku: "widget", quantity: 2 }, T0, T0);
  await expect(store.create(order)).rejects.toThrow("A new order has a due time.");
});

test("what storage refuses for another reason than a race is an error", async () => {
  const order = newOrder({ orderId: "a", sku: "x".repeat(40_000), quantity: 2 }, T0, T0);
  await expect(store.create(order)).rejects.toThrow("exceeds the maximum allowed size");
});

test("a row that somebody has damaged is read, without what cannot be", async () => {
  await created("a");
  await table.updateEntity({ partitionKey: "orders", rowKey: "order:a", history: "[{", problem: "x" }, "Merge");
  expect(await store.get("a")).toMatchObject({ sku: "widget", history: [], problem: { code: "unreadable" } });
});

describe("a lease", () => {
  test("is given the longest due first, and to one only", async () => {
    await created("late", 20);
    await created("early", 10);
    await created("not-yet", 100);
    expect(idsOf(await store.lease(at(50), at(110), 10))).toEqual(["early", "late"]);
    expect(await store.lease(at(50), at(110), 10)).toEqual([]);
    expect(idsOf(await store.lease(at(111), at(171), 2))).toEqual(["not-yet", "early"]);
  });

  test("of many at once never gives one order to two", async () => {
    await Promise.all(Array.from({ length: 30 }, (_, i) => created(`o-${i}`)));
    const all = await Promise.all([1, 2, 3, 4].map((i) => store.lease(at(10), at(70 + i), 20)));
    const ids = all.flatMap(idsOf);
    expect(new Set(ids).size).toBe(ids.length);
    const rest = await store.lease(at(10), at(80), 50);
    expect(ids.length + rest.length).toBe(30);
  });

  test("of several, one of which somebody else has just taken, is given for the others", async () => {
    for (const orderId of ["a", "b", "c"]) await created(orderId);
    let used = 0;
    const slow = createOrderStore(async () => {
      if (++used === 2) await store.lease(at(10), at(70), 1);
      return table;
    });
    expect(idsOf(await slow.lease(at(10), at(71), 10))).toEqual(["b", "c"]);
  });

  test("that ran out gives no right to store a result", async () => {
    const first = await created("a");
    const [second] = await store.lease(at(1), at(61), 1);
    if (second === undefined) throw new Error("not due");
    expect(await store.settle(first, stuck(first.order), at(2))).toBe(false);
    expect(await store.get("a")).toMatchObject({ state: "pending" });
    expect(await store.settle(second, reserved(second.order), at(3))).toBe(true);
    expect(await store.settle(second, reserved(second.order), at(3))).toBe(false);
  });

  test("given back is due at once", async () => {
    await created("a");
    await store.release(await store.lease(at(1), at(61), 1), at(2));
    expect(await keys()).toEqual(["order:a", "pending:2026-01-01T00:00:02.000Z:a"]);
    expect(idsOf(await store.lease(at(3), at(63), 1))).toEqual(["a"]);
  });
});

describe("a stuck order", () => {
  test("is not due; revived, it is, and only one of two has revived it", async () => {
    const lease = await created("a");
    await store.settle(lease, stuck(lease.order), at(1));
    expect(await store.lease(at(DAY), at(2 * DAY), 1)).toEqual([]);
    const revive = () => store.revive("a", (order) => retried(order, at(DAY)));
    const both = await Promise.all([revive(), revive()]);
    expect(both.filter((order) => order !== undefined)).toHaveLength(1);
    expect(idsOf(await store.lease(at(DAY + 1), at(2 * DAY), 1))).toEqual(["a"]);
    expect(await store.revive("nothing", (order) => order)).toBeUndefined();
  });

  test("is revived once, also where another one is done between reading and storing", async () => {
    const lease = await created("a");
    await store.settle(lease, stuck(lease.order), at(1));
    const revive = (by: OrderStore, second: number) => by.revive("a", (order) => retried(order, at(second)));
    let used = 0;
    const slow = createOrderStore(async () => {
      if (++used === 2) await revive(store, DAY);
      return table;
    });
    expect(await revive(slow, DAY + 1)).toBeUndefined();
    expect(await keys()).toEqual(["order:a", "pending:2026-01-02T00:00:00.000Z:a"]);
  });

  test("stays as it is where it is not to be changed", async () => {
    const lease = await created("a");
    await store.settle(lease, stuck(lease.order), at(1));
    expect(await store.revive("a", () => undefined)).toBeUndefined();
    expect(await store.get("a")).toMatchObject({ state: "stuck" });
  });
});

describe("a rejected order that a person retries", () => {
  const rejected = ({ dueAt, ...order }: Order): Order => ({
    ...order,
    state: "rejected",
    reason: "insufficient-stock",
  });
  const retry = (orderId: string, second: number): Promise<Order | undefined> =>
    store.revive(orderId, (order) => retried(order, at(second)));

  test("is pending, and retention does not remove it", async () => {
    const lease = await created("a");
    await store.settle(lease, rejected(lease.order), at(1));
    const other = await created("b");
    await store.settle(other, rejected(other.order), at(2));
    expect(await retry("a", DAY)).toMatchObject({ state: "pending" });
    expect(await keys()).toEqual([
      "finished:2026-01-01T00:00:02.000Z:b",
      "order:a",
      "order:b",
      "pending:2026-01-02T00:00:00.000Z:a",
    ]);
    expect(await store.removeFinished(at(40 * DAY))).toBe(1);
    expect(idsOf(await store.lease(at(40 * DAY), at(41 * DAY), 10))).toEqual(["a"]);
    expect(await store.get("a")).toMatchObject({ state: "pending" });
  });

  test("no longer says why it was rejected", async () => {
    const lease = await created("a");
    await store.settle(lease, { ...rejected(lease.order), problem: { code: "insufficient-stock" } }, at(1));
    expect(await store.get("a")).toMatchObject({ problem: { code: "insufficient-stock" } });
    await retry("a", DAY);
    expect(await store.get("a")).not.toHaveProperty("problem");
    expect(await store.get("a")).not.toHaveProperty("reason");
  });

  test("is found also where the clock of the instance that ended it was behind", async () => {
    const lease = await created("a");
    await store.settle(lease, rejected(lease.order), at(-240));
    await retry("a", DAY);
    expect(await store.removeFinished(at(40 * DAY))).toBe(0);
    expect(await store.get("a")).toMatchObject({ state: "pending" });
  });

  test("ends again, is retried again, and is removed when it has ended for good", async () => {
    const lease = await created("a");
    await store.settle(lease, rejected(lease.order), at(1));
    for (const day of [1, 2]) {
      await retry("a", day * DAY);
      const [again] = await store.lease(at(day * DAY + 1), at(day * DAY + 61), 1);
      if (again === undefined) throw new Error("not due");
      await store.settle(again, rejected(again.order), at(day * DAY + 2));
    }
    expect(await keys()).toEqual(["finished:2026-01-03T00:00:02.000Z:a", "order:a"]);
    expect(await store.removeFinished(at(3 * DAY))).toBe(1);
    expect(await keys()).toEqual([]);
  });

  test("while retention removes it is one or the other, and never half of both", async () => {
    for (let i = 0; i < 10; i++) {
      const lease = await created(`o-${i}`);
      await store.settle(lease, rejected(lease.order), at(i));
    }
    const [removed, ...retries] = await Promise.all([
      store.removeFinished(at(DAY)),
      ...Array.from({ length: 10 }, (_, i) => retry(`o-${i}`, DAY)),
    ]);
    const pending = retries.filter((order) => order !== undefined).length;
    expect(removed + pending).toBe(10);
    expect(await keys()).toHaveLength(2 * pending);
  });
});

test("removes, of several, those that nobody has retried meanwhile", async () => {
  for (const orderId of ["a", "b"]) {
    const lease = await created(orderId);
    const { dueAt, ...order } = lease.order;
    await store.settle(lease, { ...order, state: "rejected", reason: "insufficient-stock" }, at(1));
  }
  let used = 0;
  const slow = createOrderStore(async () => {
    if (++used === 2) await store.revive("a", (order) => retried(order, at(DAY)));
    return table;
  });
  expect(await slow.removeFinished(at(DAY))).toBe(1);
  expect(await keys()).toEqual(["order:a", "pending:2026-01-02T00:00:00.000Z:a"]);
});

test("removes finished orders by when they ended, and none that is not", async () => {
  for (let i = 0; i < 60; i++) {
    const lease = await created(`o-${i}`);
    await store.settle(lease, reserved(lease.order), at(i));
  }
  const open = await created("open");
  const parked = await created("parked");
  await store.settle(parked, stuck(parked.order), T0);
  expect(await store.removeFinished(at(55))).toBe(50); // a transaction's worth
  expect(await store.removeFinished(at(55))).toBe(5);
  expect(await store.removeFinished(at(55))).toBe(0);
  expect((await store.list(undefined)).orders.map(({ orderId }) => orderId)).toEqual([
    ...["o-55", "o-56", "o-57", "o-58", "o-59"],
    open.order.orderId,
    parked.order.orderId,
  ]);
  expect(await store.backlog()).toEqual({ pending: 1, oldest: T0 });
});

test("where there is nothing, lists nothing and counts nothing", async () => {
  expect(await store.list(undefined)).toEqual({ orders: [] });
  expect(await store.backlog()).toEqual({ pending: 0, oldest: undefined });
});

test("counts what is pending, and says since when the oldest is", async () => {
  const order = (orderId: string, second: number): Order =>
    newOrder({ orderId, sku: "widget", quantity: 2 }, at(second), at(100 - second));
  for (const second of [2, 1, 3]) await store.create(order(`o-${second}`, second));
  expect(await store.backlog()).toEqual({ pending: 3, oldest: at(1) });
});

test("lists page by page", async () => {
  await Promise.all(Array.from({ length: 130 }, (_, i) => created(`o-${i}`)));
  const ids = new Set<string>();
  let token: string | undefined;
  let pages = 0;
  do {
    const page = await store.list(undefined, token);
    for (const { orderId } of page.orders) ids.add(orderId);
    token = page.continuationToken;
    pages++;
  } while (token !== undefined);
  expect({ ids: ids.size, pages }).toEqual({ ids: 130, pages: 2 });
});

describe("rows of the version after", () => {
  const partitionKey = "orders";
  const v2 = {
    version: 2,
    sku: "widget",
    quantity: 2,
    state: "pending",
    createdAt: T0,
    pendingSince: T0,
    attempts: 0,
    colour: "red",
  };

  test("are shown, left alone, and hide nothing behind them", async () => {
    await created("today", 5);
    for (let i = 0; i < 12; i++) {
      await table.createEntity({ partitionKey, rowKey: `order:new-${i}`, orderId: `new-${i}`, ...v2 });
      await table.createEntity({
        partitionKey,
        rowKey: `pending:${T0.toISOString()}:new-${i}`,
        orderId: `new-${i}`,
        ...v2,
      });
    }
    const finished = { partitionKey, rowKey: `finished:${T0.toISOString()}:gone`, version: 2, orderId: "gone" };
    await table.createEntity(finished);
    await table.createEntity({ partitionKey, rowKey: "order:gone", orderId: "gone", ...v2, state: "reserved" });
    const before = await keys();
    expect(idsOf(await store.lease(at(10), at(70), 1))).toEqual(["today"]);
    expect(await store.get("new-1")).toMatchObject({ orderId: "new-1", sku: "widget", state: "pending" });
    expect(await store.removeFinished(at(DAY))).toBe(0);
    expect((await keys()).filter((key) => !key.includes("today"))).toEqual(
      before.filter((key) => !key.includes("today")),
    );
  });

  test("stuck, are not revived: 503 newer-row", async () => {
    await table.createTable();
    await table.createEntity({ partitionKey, rowKey: "order:new", orderId: "new", ...v2, state: "stuck" });
    const revived = store.revive("new", (order) => retried(order, at(1)));
    await expect(revived).rejects.toThrow("newer-row");
  });

  test("a column more in a row of today's version stays", async () => {
    const lease = await created("a");
    await table.updateEntity({ partitionKey, rowKey: "order:a", colour: "red" }, "Merge");
    await store.settle(lease, reserved(lease.order), at(1));
    expect(await table.getEntity(partitionKey, "order:a")).toMatchObject({ colour: "red", state: "reserved" });
  });
});
