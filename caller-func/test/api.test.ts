import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { mintToken, startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;

beforeAll(async () => {
  system = await startTestSystem();
});
afterAll(() => system.stop());

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Record<string, unknown>;
}

async function call(method: string, path: string, body?: unknown): Promise<Answer> {
  const response = await fetch(`${system.endpoints.caller}/api/${path}`, {
    method,
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
}

const place = (order: unknown): Promise<Answer> => call("POST", "orders", order);
const get = (orderId: string): Promise<Answer> => call("GET", `orders/${orderId}`);

async function runTimer(): Promise<void> {
  const response = await fetch(`${system.endpoints.caller}/admin/functions/deliverPendingOrders`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ input: "" }),
  });
  expect(response.status).toBe(202);
}

async function whileCalleeIsDown<T>(action: () => Promise<T>): Promise<T> {
  await system.stopApp("callee-func");
  try {
    return await action();
  } finally {
    await system.startApp("callee-func");
  }
}

/** Runs the timer, as often as it takes, until the order is in that state. */
async function untilState(orderId: string, state: string): Promise<Answer> {
  await expect
    .poll(
      async () => {
        await runTimer();
        return (await get(orderId)).body["state"];
      },
      { timeout: 20_000, interval: 300 },
    )
    .toBe(state);
  return get(orderId);
}

describe("POST /api/orders", () => {
  test("201 reserved: the order crosses the restricted call", async () => {
    const { status, headers, body } = await place({ orderId: "a-1", sku: "widget", quantity: 2 });
    expect(status).toBe(201);
    expect(headers.get("location")).toBe("/api/orders/a-1");
    expect(body).toEqual({
      orderId: "a-1",
      sku: "widget",
      quantity: 2,
      state: "reserved",
      createdAt: expect.any(String) as string,
      attempts: 1,
    });
    expect((await get("a-1")).body).toEqual(body);
  });

  test("gives an order without an id one", async () => {
    const { status, body } = await place({ sku: "widget", quantity: 1 });
    expect(status).toBe(201);
    expect(body["orderId"]).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("409 rejected, with the callee's reason", async () => {
    const { status, headers, body } = await place({ orderId: "a-2", sku: "gizmo", quantity: 1 });
    expect({ status, type: headers.get("content-type") }).toEqual({ status: 409, type: "application/problem+json" });
    expect(body).toMatchObject({
      code: "order-rejected",
      reason: "insufficient-stock",
      orderId: "a-2",
      state: "rejected",
      problem: { code: "insufficient-stock", status: 409, detail: expect.any(String) as string },
    });
    expect((await place({ orderId: "a-3", sku: "unknown", quantity: 1 })).body).toMatchObject({
      reason: "unknown-sku",
    });
  });

  test("the same again gives the present state; another body conflicts", async () => {
    const order = { orderId: "a-4", sku: "widget", quantity: 2 };
    const first = await place(order);
    const again = await place(order);
    expect({ status: again.status, body: again.body }).toEqual({ status: 201, body: first.body });
    for (const other of [
      { ...order, quantity: 3 },
      { ...order, sku: "gadget" },
    ]) {
      expect(await place(other)).toMatchObject({ status: 409, body: { code: "order-conflict" } });
    }
    const rejected = { orderId: "a-5", sku: "gizmo", quantity: 1 };
    await place(rejected);
    expect(await place(rejected)).toMatchObject({ status: 409, body: { code: "order-rejected" } });
  });

  test("201 for each order while many callers reserve one item, also for orders of that item", async () => {
    const { entra, callee } = system.endpoints;
    const token = await mintToken(entra.control, {});
    let isOver = false;
    const reserve = async (_: unknown, caller: number): Promise<number[]> => {
      const statuses: number[] = [];
      for (let i = 0; !isOver; i++) {
        const { status } = await fetch(`${callee.callerSubnet}/api/reservations/hot-${caller}-${i}`, {
          method: "PUT",
          headers: { Authorization: `Bearer ${token}` },
          body: JSON.stringify({ sku: "verify", quantity: 1 }),
        });
        statuses.push(status);
      }
      return statuses;
    };
    // A first delivery has 2 seconds, and this one pays for the cold start.
    await place({ sku: "widget", quantity: 1 });
    const callers = Promise.all(Array.from({ length: 32 }, reserve));
    const placed: number[] = [];
    try {
      for (let i = 0; i < 10; i++) {
        for (const sku of ["widget", "verify"]) placed.push((await place({ sku, quantity: 1 })).status);
      }
    } finally {
      isOver = true;
    }
    expect(placed).toEqual(Array<number>(20).fill(201));
    expect(new Set((await callers).flat())).toEqual(new Set([201]));
  });

  test("202 pending while the callee is down; a run of the timer delivers it", async () => {
    const order = { orderId: "a-6", sku: "widget", quantity: 2 };
    const placed = await whileCalleeIsDown(async () => {
      const answer = await place(order);
      expect(await place(order)).toMatchObject({ status: 202, body: { state: "pending" } });
      return answer;
    });
    expect(placed).toMatchObject({ status: 202, body: { state: "pending", attempts: 1 } });
    expect((await untilState("a-6", "reserved")).body).toMatchObject({ attempts: 2 });
    expect((await get("a-6")).body).not.toHaveProperty("reason");
  });

  test.each<[string, unknown]>([
    ["no body", ""],
    ["no JSON", "sku=widget"],
    ["no SKU", { quantity: 1 }],
    ["no quantity", { sku: "widget" }],
    ["a quantity of nothing", { sku: "widget", quantity: 0 }],
    ["a fraction", { sku: "widget", quantity: 1.5 }],
    ["an id that no Table key could hold", { orderId: "a/b", sku: "widget", quantity: 1 }],
    ["an empty id", { orderId: "", sku: "widget", quantity: 1 }],
    ["a member that is not known", { sku: "widget", quantity: 1, state: "reserved" }],
  ])("400 invalid-body: %s", async (_, body) => {
    expect(await place(body)).toMatchObject({ status: 400, body: { code: "invalid-body" } });
  });
});

describe("an order that does not reach the callee's business stays pending, and says why", () => {
  test("refused by the network layer, whose rules deny everything for a while", async () => {
    system.setRestrictions("callee-func", { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction: "Deny" });
    const { status } = await place({ orderId: "b-1", sku: "widget", quantity: 1 });
    const { body } = await get("b-1");
    system.setRestrictions("callee-func", { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction: "Allow" });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      state: "pending",
      reason: "the callee responded 403 by its access restrictions",
      history: [{ what: "the callee responded 403 by its access restrictions", times: 1 }],
    });
    await untilState("b-1", "reserved");
  });
});

describe("GET /api/orders", () => {
  test("lists by state", async () => {
    await place({ orderId: "c-1", sku: "widget", quantity: 1 });
    await place({ orderId: "c-2", sku: "gizmo", quantity: 1 });
    const idsOf = async (state: string): Promise<unknown> => {
      const { body } = await call("GET", `orders?state=${state}`);
      return (body["orders"] as { orderId: string }[]).map(({ orderId }) => orderId);
    };
    expect(await idsOf("reserved")).toContain("c-1");
    expect(await idsOf("reserved")).not.toContain("c-2");
    expect(await idsOf("rejected")).toContain("c-2");
    expect(await idsOf("stuck")).toEqual([]);
  });

  test.each(["orders?state=unknown", "orders?state=", "orders?continuationToken=junk"])(
    "400 invalid-query: %s",
    async (path) => {
      expect(await call("GET", path)).toMatchObject({ status: 400, body: { code: "invalid-query" } });
    },
  );
});

describe("what is not there", () => {
  test("404 unknown-order", async () => {
    expect(await get("nothing")).toMatchObject({ status: 404, body: { code: "unknown-order" } });
    expect(await call("POST", "orders/nothing/retry")).toMatchObject({ status: 404, body: { code: "unknown-order" } });
  });
});

describe("POST /api/orders/{orderId}/retry", () => {
  const retry = (orderId: string): Promise<Answer> => call("POST", `orders/${orderId}/retry`);

  test("202 for a rejected order, which is delivered after its cause is fixed", async () => {
    const { entra, callee } = system.endpoints;
    const rejected = await place({ orderId: "r-1", sku: "restocked", quantity: 1 });
    expect(rejected).toMatchObject({ status: 409, body: { reason: "unknown-sku" } });
    const token = await mintToken(entra.control, { claims: { roles: ["Inventory.Manage"] } });
    const stocked = await fetch(`${callee.callerSubnet}/api/inventory/restocked`, {
      method: "PUT",
      headers: { Authorization: `Bearer ${token}` },
      body: JSON.stringify({ onHand: 5 }),
    });
    expect(stocked.status).toBe(200);

    const answer = await retry("r-1");
    expect(answer).toMatchObject({ status: 202, body: { state: "pending", orderId: "r-1" } });
    expect(answer.body).not.toHaveProperty("reason");
    expect(answer.body).not.toHaveProperty("problem");
    expect((await untilState("r-1", "reserved")).body).toMatchObject({ attempts: 2 });
  });

  test("409 not-stuck: for a reserved order", async () => {
    await place({ orderId: "r-2", sku: "widget", quantity: 1 });
    expect(await retry("r-2")).toMatchObject({ status: 409, body: { code: "not-stuck" } });
  });

  test("409 not-stuck: for a pending order", async () => {
    await whileCalleeIsDown(() => place({ orderId: "r-3", sku: "widget", quantity: 1 }));
    expect(await retry("r-3")).toMatchObject({ status: 409, body: { code: "not-stuck" } });
    await untilState("r-3", "reserved");
  });
});

test("the stock adds up: each order reserved once", async () => {
  const token = await mintToken(system.endpoints.entra.control, { claims: { roles: ["Inventory.Read"] } });
  const stock = async (): Promise<number> => {
    const response = await fetch(`${system.endpoints.callee.callerSubnet}/api/inventory/widget`, {
      headers: { Authorization: `Bearer ${token}` },
    });
    return ((await response.json()) as { reserved: number }).reserved;
  };
  const before = await stock();
  const same = { orderId: "e-1", sku: "widget", quantity: 5 };
  await Promise.all([place(same), place(same), place(same), runTimer(), runTimer()]);
  await untilState("e-1", "reserved");
  expect(await stock()).toBe(before + 5);
});

test("a run of the timer writes one line that can be queried", async () => {
  await runTimer();
  const lines = (): string[] => system.log.flatMap((line) => /\{"event":"delivery-run".*\}/.exec(line) ?? []);
  await expect.poll(() => lines().length).toBeGreaterThan(0);
  expect(JSON.parse(lines().at(-1) ?? "")).toMatchObject({
    ...{ event: "delivery-run", isPastDue: false, ms: expect.any(Number) as number },
    ...{ done: expect.any(Number) as number, refused: expect.any(Number) as number, stillPending: 0, stuck: 0 },
    ...{ retries: expect.any(Number) as number, unsaved: 0, removed: 0, pending: expect.any(Number) as number },
  });
});

test("one trace runs through both apps", async () => {
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  await fetch(`${system.endpoints.caller}/api/orders`, {
    method: "POST",
    headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    body: JSON.stringify({ sku: "widget", quantity: 1 }),
  });
  expect(system.log.some((line) => line.startsWith("callee-func") && line.includes(traceId))).toBe(true);
});
