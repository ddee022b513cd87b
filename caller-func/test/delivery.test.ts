import type { ServiceClient, ServiceOutcome, ServiceRequest } from "@restricted-calls/shared/service-client";
import { openTable } from "@restricted-calls/shared/storage/table";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startTestStorage, type TestStorage } from "../../local/index.ts";
import { createDelivery, type Delivery } from "../src/orders/delivery.ts";
import { createOrderStore, type OrderStore } from "../src/orders/order-store.ts";

let storage: TestStorage;
let store: OrderStore;
let delivery: Delivery;
let count = 0;

/** The callee, as far as it matters here: what it was asked, and how it answers. */
let asked: string[];
let answer: (orderId: string, signal: AbortSignal | undefined) => ServiceOutcome | Promise<ServiceOutcome>;

const callee: ServiceClient = async ({ path, body, signal }) => {
  const orderId = path.split("/").at(-1) ?? "";
  asked.push(orderId);
  return {
    ...(await answer(orderId, signal)),
    ...(body === undefined && { kind: "no-response", reason: "no body" }),
  } as ServiceOutcome;
};
const reserve = (orderId: string): ServiceOutcome => ({
  kind: "response",
  status: 201,
  body: { orderId, sku: "widget", quantity: 1 },
  refusedBy: undefined,
  tries: 1,
});
const silence: ServiceOutcome = { kind: "no-response", reason: "ECONNREFUSED", tries: 3 };

const LONG = 60_000;
const LEASE_MS = 60_000;
const place = (orderId: string, by = delivery) => by.place({ orderId, sku: "widget", quantity: 1 });
const passTime = (milliseconds: number): void => {
  vi.setSystemTime(Date.now() + milliseconds);
};

beforeAll(async () => {
  storage = await startTestStorage();
});
afterAll(() => storage.stop());
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  asked = [];
  answer = reserve;
  store = createOrderStore(openTable(storage.endpoint, `orders${++count}`, () => storage.credential));
  delivery = createDelivery(store, callee);
});
afterEach(() => vi.useRealTimers());

/** This process ends when it comes to that step, and another one takes over when its lease has run out. */
async function crashAt(step: "call" | "settle" | "after settle"): Promise<void> {
  const { promise: crashed, resolve } = Promise.withResolvers<undefined>();
  const crash = (): Promise<never> => {
    resolve(undefined);
    return new Promise(() => undefined);
  };
  const settle: OrderStore["settle"] = async (...args) => {
    if (step === "after settle") await store.settle(...args);
    return crash();
  };
  void place("crashed", createDelivery({ ...store, settle }, step === "call" ? crash : callee));
  await crashed;
}

describe("a crash between two steps loses nothing and doubles nothing", () => {
  test.each<["call" | "settle" | "after settle", string[]]>([
    ["call", ["crashed"]],
    ["settle", ["crashed", "crashed"]],
    ["after settle", ["crashed"]],
  ])("at: %s", async (step, expected) => {
    await crashAt(step);
    if (step !== "after settle") expect(await place("crashed")).toMatchObject({ state: "pending" });
    expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 0 }); // the lease keeps it
    passTime(LEASE_MS + 1);
    await delivery.deliverDue(LONG);
    expect(await store.get("crashed")).toMatchObject({ state: "reserved" });
    expect(asked).toEqual(expected);
  });

  test("between taking orders and calling", async () => {
    answer = () => silence;
    await place("a");
    answer = reserve;
    passTime(5_000);
    await store.lease(new Date(), new Date(Date.now() + LEASE_MS), 10); // and then nothing more
    expect((await delivery.deliverDue(LONG)).reserved).toBe(0);
    passTime(LEASE_MS + 1);
    expect((await delivery.deliverDue(LONG)).reserved).toBe(1);
  });
});

test("the callee is asked for a reservation of the order, in the trace of whoever began it", async () => {
  const requests: ServiceRequest[] = [];
  const recording = createDelivery(store, (request) => {
    requests.push(request);
    return Promise.resolve(silence);
  });
  await recording.place({ orderId: "a b", sku: "widget", quantity: 3 }, "trace-1");
  passTime(5_000);
  await recording.deliverDue(LONG, "trace-2");
  const signal = expect.any(AbortSignal) as AbortSignal;
  const request = { method: "PUT", path: "/api/reservations/a%20b", body: { sku: "widget", quantity: 3 }, signal };
  expect(requests).toEqual([
    { ...request, traceParent: "trace-1" },
    { ...request, traceParent: "trace-2" },
  ]);
});

describe("an order that somebody else has by now", () => {
  test("is shown as it stands", async () => {
    const losing = createDelivery({ ...store, settle: () => Promise.resolve(false) }, callee);
    expect(await place("a", losing)).toMatchObject({ state: "pending", attempts: 0 });
    const gone = { settle: () => Promise.resolve(false), get: () => Promise.resolve(undefined) };
    expect(await place("b", createDelivery({ ...store, ...gone }, callee))).toMatchObject({
      orderId: "b",
      attempts: 0,
    });
  });

  test("counts as what it is, and is stored", async () => {
    answer = () => silence;
    await place("a");
    passTime(5_000);
    const losing = createDelivery({ ...store, settle: () => Promise.resolve(false) }, callee);
    expect(await losing.deliverDue(LONG)).toMatchObject({ stillPending: 1, unsaved: 0 });
  });

  test("and is gone a moment later is an error", async () => {
    const gone = { create: () => Promise.resolve(undefined), get: () => Promise.resolve(undefined) };
    await expect(place("a", createDelivery({ ...store, ...gone }, callee))).rejects.toThrow(
      "Order a existed a moment ago and does not exist any more.",
    );
  });
});

test.each([
  ["begins as long as its lease outlasts it", 24_999, 12],
  ["does not begin after that: the order is given back, and due", 25_000, 1],
])("a delivery %s", async (_, took, begun) => {
  answer = () => silence;
  await Promise.all(Array.from({ length: 12 }, (_, i) => place(`o-${i}`)));
  passTime(5_000);
  asked = [];
  answer = (orderId) => {
    if (asked.length === 1) passTime(took);
    return reserve(orderId);
  };
  expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: begun });
  passTime(1);
  expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 12 - begun });
});

test("a run says how many calls the callee's access restrictions refused", async () => {
  answer = (orderId) => ({
    ...{ kind: "response", status: 403, body: "", tries: 1 },
    refusedBy: orderId === "a" ? "network" : "authorization",
  });
  await place("a");
  await place("b");
  passTime(5_000);
  expect(await delivery.deliverDue(LONG)).toMatchObject({ refusedByNetwork: 1, stillPending: 2 });
});

test("an order whose result storage did not take is pending, not an error, and is delivered again", async () => {
  const report = vi.fn();
  const failing = createDelivery({ ...store, settle: () => Promise.reject(abortError()) }, callee, report);
  expect(await place("a", failing)).toMatchObject({ state: "pending" });
  passTime(LEASE_MS + 1);
  expect(await failing.deliverDue(LONG)).toMatchObject({ unsaved: 1, reserved: 0 });
  passTime(LEASE_MS + 1);
  expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 1 });
  expect(report).not.toHaveBeenCalled();
});

describe("an attempt that fails with an unexpected error", () => {
  const failures: unknown[] = [];
  const report = (error: unknown): void => void failures.push(error);
  const pendingOrders = async (): Promise<void> => {
    failures.length = 0;
    answer = () => silence;
    for (const orderId of ["a", "b", "c"]) await place(orderId);
    passTime(5_000);
    answer = reserve;
  };

  test("at the call: is reported, the order is pending and backs off, and the others go on", async () => {
    await pendingOrders();
    const bug = new TypeError("a bug");
    const failing: ServiceClient = (request) => (request.path.endsWith("/b") ? Promise.reject(bug) : callee(request));
    const run = await createDelivery(store, failing, report).deliverDue(LONG);
    expect(run).toMatchObject({ reserved: 2, stillPending: 1 });
    expect(run).not.toHaveProperty("endedEarly");
    expect(failures).toEqual([bug]);
    expect(await store.get("b")).toMatchObject({
      ...{ state: "pending", attempts: 2 },
      reason: "no-response: an unexpected error, see the log",
    });
  });

  test("at storing the result: is reported, and the others go on", async () => {
    await pendingOrders();
    const bug = new Error("PropertyValueTooLarge");
    const settle: OrderStore["settle"] = (lease, next, now) =>
      next.orderId === "b" ? Promise.reject(bug) : store.settle(lease, next, now);
    const failing = createDelivery({ ...store, settle }, callee, report);
    const run = await failing.deliverDue(LONG);
    expect(run).toMatchObject({ reserved: 2, unsaved: 1 });
    expect(run).not.toHaveProperty("endedEarly");
    expect(failures).toEqual([bug]);
  });

  test("is logged where nobody else is told", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    onTestFinished(() => {
      log.mockRestore();
    });
    const bug = new TypeError("a bug");
    await place(
      "a",
      createDelivery(store, () => Promise.reject(bug)),
    );
    const message = "An attempt to deliver an order failed with an unexpected error.";
    expect(log.mock.calls).toEqual([[message, bug]]);
  });

  test.each<[string, () => unknown]>([
    ["throws", () => expect.fail("thrown")],
    ["rejects", () => Promise.reject(new Error("rejected"))],
  ])("whose report %s: the others go on, and no process ends", async (_, fails) => {
    await pendingOrders();
    const logged = vi.spyOn(console, "error").mockReturnValue();
    onTestFinished(() => {
      logged.mockRestore();
    });
    const failing: ServiceClient = (request) =>
      request.path.endsWith("/b") ? Promise.reject(new TypeError("a bug")) : callee(request);
    const run = await createDelivery(store, failing, fails).deliverDue(LONG);
    expect(run).toMatchObject({ reserved: 2, stillPending: 1 });
    // What nobody handles, Vitest reports as a failure.
    expect(logged).toHaveBeenCalledTimes(1);
  });

  test("over HTTP: the order is there, and pending", async () => {
    failures.length = 0;
    const bug = new TypeError("a bug");
    const failing = createDelivery(store, () => Promise.reject(bug), report);
    expect(await place("new", failing)).toMatchObject({ state: "pending", attempts: 1 });
    expect(failures).toEqual([bug]);
  });
});

test("a row that somebody has damaged does not hold up the others", async () => {
  answer = () => silence;
  for (const orderId of ["a", "b", "c"]) await place(orderId);
  const table = await openTable(storage.endpoint, `orders${count}`, () => storage.credential)();
  for await (const { partitionKey = "", rowKey = "" } of table.listEntities()) {
    if (rowKey.endsWith(":b")) await table.updateEntity({ partitionKey, rowKey, history: "[{", problem: "x" }, "Merge");
  }
  passTime(5_000);
  answer = reserve;
  expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 3 });
  expect(await store.get("b")).toMatchObject({ state: "reserved", history: [] });
});

describe("an answer with a code that is none", () => {
  test.each<[string, unknown]>([
    ["of 40,000 characters", "x".repeat(40_000)],
    ["that is an object", { toString: 1 }],
  ])("%s leaves the order pending, and the others go on", async (_, code) => {
    answer = () => silence;
    for (const orderId of ["a", "b", "c"]) await place(orderId);
    passTime(5_000);
    answer = (orderId) =>
      orderId === "b"
        ? { kind: "response", status: 409, body: { code, detail: code }, refusedBy: undefined, tries: 1 }
        : reserve(orderId);
    const run = await delivery.deliverDue(LONG);
    expect(run).toMatchObject({ reserved: 2, stillPending: 1 });
    expect(run).not.toHaveProperty("endedEarly");
    expect(await store.get("b")).toMatchObject({ state: "pending", reason: "the callee responded 409", attempts: 2 });
  });
});

test("an order whose table is deleted while it is delivered is stored with its result", async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  const table = await openTable(storage.endpoint, `orders${count}`, () => storage.credential)();
  answer = async (orderId) => {
    await table.deleteTable();
    return reserve(orderId);
  };
  expect(await place("a")).toMatchObject({ state: "reserved" });
  expect(await store.get("a")).toMatchObject({ state: "reserved", attempts: 1 });
  answer = async () => {
    await table.deleteTable();
    return silence;
  };
  expect(await place("b")).toMatchObject({ state: "pending" });
  answer = reserve;
  passTime(5_000);
  expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 1, stillPending: 0, unsaved: 0 });
  expect(await place("c")).toMatchObject({ state: "reserved" });
});

test("two instances at once, and orders over HTTP beside them: no order is delivered twice", async () => {
  answer = () => silence;
  await Promise.all(Array.from({ length: 60 }, (_, i) => place(`o-${i}`)));
  passTime(5_000);
  asked = [];
  answer = reserve;
  const other = createDelivery(
    createOrderStore(openTable(storage.endpoint, `orders${count}`, () => storage.credential)),
    callee,
  );
  const [one, two] = await Promise.all([
    delivery.deliverDue(LONG),
    other.deliverDue(LONG),
    ...Array.from({ length: 10 }, (_, i) => place(`o-${i}`)),
    ...Array.from({ length: 10 }, (_, i) => place(`new-${i}`)),
  ]);
  expect(one.reserved + two.reserved).toBe(60);
  expect(asked).toHaveLength(70);
  expect(new Set(asked).size).toBe(70);
});

describe("a run ends", () => {
  const pendingOrders = async (n: number): Promise<void> => {
    answer = () => silence;
    await Promise.all(Array.from({ length: n }, (_, i) => place(`o-${i}`)));
    passTime(5_000);
    asked = [];
  };

  test("when its time is up: what is under way is broken off, and pending", async () => {
    await pendingOrders(20);
    answer = (_, signal) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          resolve({ kind: "held-back", reason: "aborted by this app", tries: 1 });
        });
      });
    const run = await delivery.deliverDue(200);
    expect(run).toMatchObject({ stillPending: 8, endedEarly: "the next run is due" });
    answer = reserve;
    passTime(2_001);
    expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 20 });
  });

  test.each<[string, ServiceOutcome]>([
    ["there is no token", { kind: "no-token", reason: "Entra is down", tries: 0 }],
    ["the circuit is open", { kind: "held-back", reason: "left alone", tries: 0 }],
  ])("when %s: the other orders are left as they are, and due", async (_, outcome) => {
    await pendingOrders(100);
    answer = () => outcome;
    const run = await delivery.deliverDue(LONG);
    expect(run).toMatchObject({ stillPending: 8, endedEarly: expect.stringContaining(outcome.kind) as string });
    answer = reserve;
    passTime(2_001);
    expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 100 });
  });

  test("an order that keeps failing does not hold up the others", async () => {
    await pendingOrders(50);
    answer = (orderId) => (orderId === "o-0" ? silence : reserve(orderId));
    expect(await delivery.deliverDue(LONG)).toMatchObject({ reserved: 49, stillPending: 1, retries: 2 });
    expect(await store.get("o-0")).toMatchObject({ state: "pending", attempts: 2, history: [{ times: 2 }] });
  });
});

describe("on shutdown", () => {
  test("what is under way may end; nothing more begins; what was not begun is due", async () => {
    answer = () => silence;
    await Promise.all(Array.from({ length: 30 }, (_, i) => place(`o-${i}`)));
    passTime(5_000);
    asked = [];
    const gate = Promise.withResolvers<undefined>();
    answer = async (orderId) => {
      await gate.promise;
      return reserve(orderId);
    };
    const run = delivery.deliverDue(LONG);
    await expect.poll(() => asked.length).toBe(8);
    const drained = delivery.drain();
    gate.resolve(undefined);
    await drained;
    expect((await store.list("reserved")).orders).toHaveLength(8);
    expect(await run).toMatchObject({ reserved: 8, endedEarly: "the app is stopping" });
    expect(await place("late")).toMatchObject({ state: "pending", attempts: 0 });
    answer = reserve;
    passTime(1);
    expect(await createDelivery(store, callee).deliverDue(LONG)).toMatchObject({ reserved: 22 });
  });

  test("what does not end in time is broken off, and pending", async () => {
    answer = (_, signal) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          resolve({ kind: "held-back", reason: "aborted by this app", tries: 1 });
        });
      });
    const placed = place("a");
    await expect.poll(() => asked.length).toBe(1);
    await delivery.drain();
    expect(await placed).toMatchObject({ state: "pending", attempts: 0 });
  });
});

function abortError(): Error {
  return Object.assign(new Error("The operation was aborted."), { name: "AbortError" });
}
