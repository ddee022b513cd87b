import { setImmediate } from "node:timers/promises";
import { RestError, TableClient, type TransactionAction } from "@azure/data-tables";
import { ProblemError } from "@restricted-calls/shared/problem";
import { openTable } from "@restricted-calls/shared/storage/table";
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startTestStorage, type TestStorage } from "../../local/index.ts";
import { createInventory, type Inventory } from "../src/inventory/inventory.ts";
import type { Reservation, Reserved } from "../src/inventory/reservations.ts";

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
    ["an unknown SKU", { ...reservation, sku: "unknown" }],
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

describe("together, in one instance", () => {
  let requests: string[];
  let submit: Submit;
  beforeEach(() => {
    requests = [];
    submit = (send) => send();
    const client = openTable(storage.endpoint, `inventory${tables - 1}`, () => storage.credential);
    inventory = createInventory(async () => watched(await client(), requests, () => submit), { widget: 10 });
  });
  const order = (orderId: string, quantity = 1, sku = "widget") => ({ orderId, sku, quantity });
  const orders = (count: number, sku = "widget") =>
    Array.from({ length: count }, (_, i) => order(`order-${i}`, 1, sku));
  const reserve = (wanted: Reservation) => outcomeOf(inventory.reserve(APP, wanted));

  test("one alone needs two storage requests", async () => {
    await reserve(order("before"));
    requests.length = 0;
    expect(await reserve(order("alone"))).toBe("new");
    expect(requests).toEqual(["read stock", "change 2"]);
  });

  test("what waits for one SKU is one transaction", async () => {
    await inventory.setOnHand("widget", 1_000);
    requests.length = 0;
    // The first one starts at once.
    expect(new Set(await Promise.all(orders(20).map(reserve)))).toEqual(new Set(["new"]));
    expect(requests).toEqual(["read stock", "change 2", "read stock", "change 20"]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 20 });
  });

  test("more than fit into one transaction are several", async () => {
    await inventory.setOnHand("widget", 1_000);
    requests.length = 0;
    expect(new Set(await Promise.all(orders(150).map(reserve)))).toEqual(new Set(["new"]));
    expect(requests.filter((name) => name !== "read stock")).toEqual(["change 2", "change 100", "change 51"]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 150 });
    expect(await reservedUnits("widget")).toBe(150);
  });

  test.each([
    ["that storage names", (error: RestError) => error],
    ["of which storage names none", (error: RestError) => Object.assign(error, { message: "It exists." })],
  ])("each has its own result, also beside repeated orders %s", async (_, change) => {
    await inventory.reserve(APP, order("repeated"));
    await inventory.reserve(APP, order("changed"));
    submit = (send) => send().catch((error: unknown) => Promise.reject(change(error as RestError)));
    expect(
      await Promise.all([
        reserve(order("first")),
        reserve(order("new")),
        reserve(order("repeated")),
        reserve(order("too-large", 9)),
        reserve(order("changed", 2)),
        reserve(order("small", 2)),
        outcomeOf(inventory.reserve(OTHER_APP, order("repeated"))),
      ]),
    ).toEqual(["new", "new", "held", "insufficient-stock", "order-conflict", "new", "new"]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 7 });
    expect(await reservedUnits("widget")).toBe(7);
  });

  test("of many repeated orders, storage is asked for all at once", async () => {
    await inventory.setOnHand("widget", 1_000);
    await Promise.all(orders(30).map(reserve));
    requests.length = 0;
    const again = [order("first"), ...orders(30), order("last")];
    expect(await Promise.all(again.map(reserve))).toEqual(["new", ...Array<string>(30).fill("held"), "new"]);
    // Two conflicts, the 29 reservations that the first one did not name, the two others of that transaction, and the change.
    const counted = (name: string) => requests.filter((one) => one === name).length;
    expect({ reads: counted("read reservation"), stock: counted("read stock") }).toEqual({ reads: 31, stock: 4 });
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 32 });
  });

  test("a refusal states the units that are left when its transaction has taken its own", async () => {
    const [, , refused] = await Promise.allSettled(
      [order("first"), order("small", 5), order("too-large", 9)].map((wanted) => inventory.reserve(APP, wanted)),
    );
    expect(refused).toMatchObject({ reason: { problem: { detail: "4 units of 'widget' are available." } } });
  });

  test("an id with the text at which the SDK splits the response to a transaction is one like others", async () => {
    const wanted = [order("first"), order("x--changesetresponse_y"), order("other")];
    expect(await Promise.all(wanted.map(reserve))).toEqual(["new", "new", "new"]);
    expect(await Promise.all(wanted.map(reserve))).toEqual(["held", "held", "held"]);
  });

  test("repeated orders that the stock covers only one by one all get their reservation, with few requests", async () => {
    await inventory.setOnHand("widget", 610);
    const wanted = orders(60).map((one) => ({ ...one, quantity: 10 }));
    await Promise.all(wanted.map(reserve));
    requests.length = 0;
    expect(new Set(await Promise.all(wanted.map(reserve)))).toEqual(new Set(["held"]));
    // The first one alone; of the others one that storage names, then all.
    expect(requests.filter((name) => name === "change 2")).toHaveLength(3);
    expect(requests.filter((name) => name === "read reservation")).toHaveLength(60);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 600 });
  });

  test("a transaction that is sent again after its response was lost has made its reservations", async () => {
    await inventory.setOnHand("widget", 71);
    // As the SDK does.
    submit = (send, { length }) => (length > 2 ? send().then(send) : send());
    const outcomes = await Promise.all(orders(70).map(reserve));
    expect(outcomes).toEqual(["new", ...Array<string>(69).fill("held")]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 70 });
  });

  test("a reservation that is found is no lost race, however many are found one after the other", async () => {
    await inventory.setOnHand("widget", 1_000);
    const client = new TableClient(storage.endpoint, `inventory${tables - 1}`, storage.credential);
    let found = 0;
    submit = async (send, { length }) => {
      const rowKey = `reservation:${APP}:order-${found + 1}`;
      const row = { partitionKey: "inventory", rowKey, version: 1, sku: "widget", quantity: 1 };
      if (length > 2 && found++ < 35) await client.createEntity(row);
      return send();
    };
    expect(await Promise.all(orders(40).map(reserve))).toEqual([
      ...["new", ...Array<string>(35).fill("held")],
      ...Array<string>(4).fill("new"),
    ]);
  });

  test("a read that fails, fails what is undecided, and leaves no rejection that nobody handles", async () => {
    for (const id of ["named", "unread", "changed"]) await reserve(order(id));
    const unhandled = vi.fn();
    process.on("unhandledRejection", unhandled);
    onTestFinished(() => void process.off("unhandledRejection", unhandled));
    const client = new TableClient(storage.endpoint, `inventory${tables - 1}`, storage.credential);
    let lateRead: Promise<unknown> | undefined;
    const failing = new Proxy(client, {
      get: (target, name) =>
        name !== "getEntity"
          ? (Reflect.get(target, name) as unknown)
          : (partition: string, key: string) => {
              if (key.endsWith(":unread")) return Promise.reject(new RestError("No answer."));
              const read = target.getEntity(partition, key);
              if (key.endsWith(":changed")) lateRead = read;
              return read;
            },
    });
    inventory = createInventory(() => Promise.resolve(failing), {});
    const wanted = [order("first"), order("named"), order("unread"), order("changed", 2)];
    const noAnswer = "no problem: RestError: No answer.";
    expect(await Promise.all(wanted.map(reserve))).toEqual(["new", "held", noAnswer, noAnswer]);
    await lateRead;
    await setImmediate();
    expect(lateRead).toBeDefined();
    expect(unhandled).not.toHaveBeenCalled();
  });

  test("a stock row that another instance created first is a lost race: no reservation is read", async () => {
    let isFirst = true;
    submit = async (send) => {
      if (isFirst) await another.setOnHand("widget", 1_000);
      isFirst = false;
      return send();
    };
    // The first one alone is refused, and creates no row.
    const outcomes = await Promise.all([order("too-large", 11), ...orders(50)].map(reserve));
    expect(outcomes).toEqual(["insufficient-stock", ...Array<string>(50).fill("new")]);
    const refusal = ["read stock", "read reservation"];
    expect(requests).toEqual([...refusal, "read stock", "change 11", "read stock", "change 51"]);
  });

  test.each([
    ["of many", 20],
    ["the last ones", 10],
  ])("an order that comes twice takes its units once: %s", async (_, onHand) => {
    await inventory.setOnHand("widget", onHand);
    const outcomes = [order("first"), order("twice", 9), order("twice", 9), order("twice", 8)].map(reserve);
    expect(await Promise.all(outcomes)).toEqual(["new", "new", "held", "order-conflict"]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 10 });
    expect(await reservedUnits("widget")).toBe(10);
  });

  test("an order that took the last units and got no answer gets it when it is repeated", async () => {
    submit = async (send) => {
      await send();
      throw new RestError("The connection was closed.");
    };
    expect(await reserve(order("last", 10))).toBe("no problem: RestError: The connection was closed.");
    submit = (send) => send();
    const outcomes = [order("first"), order("late"), order("last", 10)].map(reserve);
    expect(await Promise.all(outcomes)).toEqual(["insufficient-stock", "insufficient-stock", "held"]);
    expect(await reservedUnits("widget")).toBe(10);
  });

  test("an order that the stock no longer covers is not refused before the transaction in front of it succeeded", async () => {
    await inventory.reserve(APP, order("repeated", 6));
    // What "repeated" seems to take is left for "behind".
    expect(await Promise.all([order("first"), order("repeated", 3), order("behind", 3)].map(reserve))).toEqual([
      "new",
      "order-conflict",
      "new",
    ]);
  });

  test("a lost race is tried again for the whole batch, and what another instance reserved is found", async () => {
    let races = 0;
    submit = async (send, { length }) => {
      if (length > 2 && races++ < 3) await another.reserve(APP, order(`order-${races}`));
      return send();
    };
    expect(await Promise.all(orders(6).map(reserve))).toEqual(["new", "held", "held", "held", "new", "new"]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 6 });
    expect(await reservedUnits("widget")).toBe(6);
  });

  test("a race that is always lost is 503 busy for all that waits, and changes nothing", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    let onHand = 10;
    submit = async (send) => {
      await another.setOnHand("widget", ++onHand);
      return send();
    };
    expect(await Promise.all(orders(3).map(reserve))).toEqual(["busy", "busy", "busy"]);
    expect(requests.filter((name) => name === "read stock")).toHaveLength(30);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 0 });
    expect(await reservedUnits("widget")).toBe(0);
  });

  test("a reservation that storage refuses as existing, but does not have, is 503 busy", async () => {
    vi.spyOn(Math, "random").mockReturnValue(0);
    const details = { statusCode: 409, code: "EntityAlreadyExists" };
    submit = () => Promise.reject(new RestError("1:The specified entity already exists.", details));
    expect(await Promise.all(orders(3).map(reserve))).toEqual(["busy", "busy", "busy"]);
    expect(requests.filter((name) => name === "read stock")).toHaveLength(30);
  });

  test("a transaction that fails, fails all that waits for that SKU now, and nothing that comes later", async () => {
    await another.setOnHand("widget", 1_000);
    submit = (send, { length }) => (length === 100 ? Promise.reject(new RestError("No answer.")) : send());
    requests.length = 0;
    const outcomes = await Promise.all(orders(130).map(reserve));
    expect(outcomes[0]).toBe("new");
    expect(new Set(outcomes.slice(1))).toEqual(new Set(["no problem: RestError: No answer."]));
    // With storage that does not respond, each further request would wait for its timeout.
    expect(requests).toEqual(["read stock", "change 2", "read stock", "change 100"]);
    // Their outcome was unknown: repeated, none is reserved twice.
    submit = (send) => send();
    await Promise.all(orders(130).map(reserve));
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 130 });
    expect(await reservedUnits("widget")).toBe(130);
  });

  test("a SKU does not wait for another one", async () => {
    const { promise: isUnderWay, resolve: underWay } = Promise.withResolvers<undefined>();
    const { promise: gate, resolve: open } = Promise.withResolvers<undefined>();
    await inventory.setOnHand("cold", 5);
    submit = async (send, [stock]) => {
      if (stock?.[1].rowKey === "stock:widget") {
        underWay(undefined);
        await gate;
      }
      return send();
    };
    const hot = orders(10).map(reserve);
    await isUnderWay;
    expect(await reserve(order("cold-1", 1, "cold"))).toBe("new");
    open(undefined);
    expect(new Set(await Promise.all(hot))).toEqual(new Set(["new"]));
  });

  test("two instances lose no unit and take none twice", async () => {
    await inventory.setOnHand("widget", 100);
    // Half of the orders come to both instances, and there are more than units.
    const wanted = orders(120).map((one) => ({ ...one, quantity: 2 }));
    const outcomes = await Promise.all([
      ...wanted.slice(0, 80).map(reserve),
      ...wanted.slice(40).map((one) => outcomeOf(another.reserve(APP, one))),
    ]);
    expect(outcomes.filter((outcome) => outcome === "new")).toHaveLength(50);
    expect([...new Set(outcomes)].sort()).toEqual(["held", "insufficient-stock", "new"]);
    expect(await inventory.stockOf("widget")).toMatchObject({ reserved: 100, available: 0 });
    expect(await reservedUnits("widget")).toBe(100);
  });
});

/** What a reservation comes to: "new", "held", or its problem. */
async function outcomeOf(call: Promise<Reserved>): Promise<string> {
  const isNew = await call.then(
    (reserved) => reserved.isNew,
    () => undefined,
  );
  return isNew === undefined ? codeOf(call) : isNew ? "new" : "held";
}

/** The units of all reservation rows of a SKU. */
async function reservedUnits(sku: string): Promise<number> {
  const client = new TableClient(storage.endpoint, `inventory${tables - 1}`, storage.credential);
  let units = 0;
  for await (const { rowKey, ...row } of client.listEntities<Reservation>()) {
    if (rowKey?.startsWith("reservation:") === true && row.sku === sku) units += row.quantity;
  }
  return units;
}

/** Sends a transaction of so many changes. */
type Submit = (send: () => Promise<unknown>, changes: readonly TransactionAction[]) => Promise<unknown>;

/** A client that records its requests, and sends its transactions by `submit`. */
function watched(client: TableClient, requests: string[], submit: () => Submit): TableClient {
  return new Proxy(client, {
    get: (target, name) => {
      if (name === "getEntity") {
        return (partition: string, key: string) => {
          requests.push(`read ${key.split(":")[0] ?? ""}`);
          return target.getEntity(partition, key);
        };
      }
      if (name === "submitTransaction") {
        return (changes: TransactionAction[]) => {
          requests.push(`change ${changes.length}`);
          return submit()(() => target.submitTransaction(changes), changes);
        };
      }
      return Reflect.get(target, name) as unknown;
    },
  });
}

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

  test("after this one: an order that holds its reservation gets it", async () => {
    const order = { orderId: "first", sku: "widget", quantity: 1 };
    await inventory.reserve(APP, order);
    await raw().updateEntity({ partitionKey, rowKey: "stock:widget", version: 2 }, "Merge");
    expect(await inventory.reserve(APP, order)).toEqual({ ...order, isNew: false });
  });

  test("a column more in a row of today's version stays", async () => {
    await inventory.setOnHand("widget", 20);
    await raw().updateEntity({ partitionKey, rowKey: "stock:widget", unit: "kg" }, "Merge");
    await inventory.reserve(APP, { orderId: "first", sku: "widget", quantity: 1 });
    expect(await raw().getEntity(partitionKey, "stock:widget")).toMatchObject({ unit: "kg", reserved: 1 });
  });
});
