import { setTimeout as delay } from "node:timers/promises";
import { type Endpoints, managedIdentityToken, tableOf } from "../local/index.ts";
import type { ChaosOrder, Clients } from "./clients.ts";

export interface Aftermath {
  readonly callers: string;
  readonly endpoints: Endpoints;
  /** Where the system keeps its settings. */
  readonly folder: string;
  readonly orders: readonly ChaosOrder[];
  readonly clients: Clients;
  readonly stock: Readonly<Record<string, number>>;
  readonly patience: number;
}

export interface Verdict {
  /** Each broken promise, in a line; none is what is hoped for. */
  readonly failures: readonly string[];
  readonly reserved: number;
  readonly rejected: number;
  /** Orders by how often they were tried. */
  readonly attempts: ReadonlyMap<number, number>;
  /** What stood in the way of orders, and how often. */
  readonly setbacks: ReadonlyMap<string, number>;
  /** When no order was pending any more, by the clock. */
  readonly drainedAt: number;
}

interface OrderView {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
  readonly state: string;
  readonly attempts: number;
  readonly history?: readonly { readonly what: string; readonly times: number }[];
}

/** Holds what is left against what was promised. */
export async function judge(aftermath: Aftermath): Promise<Verdict> {
  const { orders, clients, callers, patience } = aftermath;
  const failures: string[] = [];
  const deadline = Date.now() + patience;

  let kept = await allOrders(callers, deadline);
  while (kept.some(({ state }) => state === "pending") && Date.now() < deadline) {
    await delay(500);
    kept = await allOrders(callers, deadline);
  }
  const drainedAt = Date.now();
  const byId = new Map(kept.map((order) => [order.orderId, order]));

  for (const { orderId, sku, quantity } of orders) {
    const order = byId.get(orderId);
    if (order === undefined) {
      if (clients.accepted.has(orderId)) failures.push(`${orderId} was accepted and is lost`);
      continue;
    }
    if (order.sku !== sku || order.quantity !== quantity) failures.push(`${orderId} is not what was ordered`);
    if (order.state !== "reserved" && order.state !== "rejected") failures.push(`${orderId} is ${order.state}`);
    if (sku === "no-such-sku" && order.state === "reserved") failures.push(`${orderId} is reserved of nothing`);
    const first = clients.accepted.get(orderId);
    const promised = first === 201 ? "reserved" : first === 409 ? "rejected" : order.state;
    if (order.state !== promised) failures.push(`${orderId} was answered as ${promised} and is ${order.state}`);
  }
  if (byId.size !== kept.length) failures.push("an order is listed twice");
  failures.push(...(await stockFailures(aftermath, kept)), ...(await healthFailures(aftermath)));

  const attempts = new Map<number, number>();
  for (const order of kept) attempts.set(order.attempts, (attempts.get(order.attempts) ?? 0) + 1);
  const setbacks = new Map<string, number>();
  for (const { what, times } of kept.flatMap(({ history = [] }) => history)) {
    setbacks.set(what, (setbacks.get(what) ?? 0) + times);
  }
  const inState = (state: string): number => kept.filter((order) => order.state === state).length;
  return { failures, reserved: inState("reserved"), rejected: inState("rejected"), attempts, setbacks, drainedAt };
}

/** Stock adds up to the unit, by the API and by the rows: each reserved order holds one reservation, and no other does. */
async function stockFailures(aftermath: Aftermath, kept: readonly OrderView[]): Promise<string[]> {
  const { endpoints, stock } = aftermath;
  const callee = endpoints.callee.callerSubnet;
  const failures: string[] = [];
  const token = await managedIdentityToken(endpoints, "caller-func", endpoints.api.identifierUri);
  const reserved = kept.filter(({ state }) => state === "reserved");
  for (const [sku, onHand] of Object.entries(stock)) {
    const expected = sum(reserved.filter((order) => order.sku === sku).map(({ quantity }) => quantity));
    const actual = await stockOf(`${callee}/api/inventory/${sku}`, token);
    if (actual.onHand !== onHand || actual.reserved !== expected || actual.available < 0) {
      failures.push(
        `${sku}: ${expected} of ${onHand} are reserved by orders, and ${actual.reserved} of ${actual.onHand} by the callee`,
      );
    }
  }

  const rows = await reservationRows(aftermath);
  const reservations = new Map(rows.map((row) => [row.orderId, row]));
  if (reservations.size !== rows.length) failures.push("an order holds two reservations");
  for (const { orderId, sku, quantity } of reserved) {
    const row = reservations.get(orderId);
    if (row?.sku !== sku || row.quantity !== quantity)
      failures.push(`${orderId} is reserved, and the callee knows nothing of it`);
    reservations.delete(orderId);
  }
  for (const orderId of reservations.keys()) failures.push(`${orderId} holds a reservation and is not reserved`);
  return failures;
}

/** A callee that has just met a token by a new key asks for keys again when its cooldown, 30 s, has passed. */
const CALLEE_PATIENCE_MS = 40_000;

async function stockOf(url: string, token: string): Promise<{ onHand: number; reserved: number; available: number }> {
  const deadline = Date.now() + CALLEE_PATIENCE_MS;
  for (;;) {
    const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } });
    if (response.status === 200)
      return (await response.json()) as { onHand: number; reserved: number; available: number };
    if (Date.now() > deadline) throw new Error(`${url}: ${response.status} ${await response.text()}`);
    await delay(500);
  }
}

/** Without help: both callers and both callees do their work. */
async function healthFailures({ callers }: Aftermath): Promise<string[]> {
  const failures: string[] = [];
  const deadline = Date.now() + CALLEE_PATIENCE_MS;
  for (let i = 0; i < 4; i++) {
    const order = { method: "POST", body: JSON.stringify({ orderId: `after-${i}`, sku: "widget", quantity: 1 }) };
    let response = await fetch(`${callers}/api/orders`, order);
    while (response.status !== 201 && Date.now() < deadline) {
      await delay(500);
      response = await fetch(`${callers}/api/orders`, order);
    }
    if (response.status === 201) continue;
    failures.push(`an order placed when all was over: ${response.status} ${await response.text()}`);
  }
  return failures;
}

async function allOrders(callers: string, deadline: number): Promise<OrderView[]> {
  const orders: OrderView[] = [];
  let next = "";
  do {
    const query = next === "" ? "" : `?continuationToken=${encodeURIComponent(next)}`;
    const response = await fetch(`${callers}/api/orders${query}`).catch(() => undefined);
    if (response?.status !== 200) {
      if (Date.now() > deadline) throw new Error(`The orders cannot be listed: ${response?.status ?? "no answer"}`);
      await delay(500);
      continue;
    }
    const page = (await response.json()) as { orders: OrderView[]; continuationToken?: string };
    orders.push(...page.orders);
    next = page.continuationToken ?? "";
    if (next === "") return orders.filter(({ orderId }) => !orderId.startsWith("after-"));
  } while (Date.now() < deadline + 30_000);
  throw new Error("The orders cannot be listed in time.");
}

interface Reservation {
  readonly orderId: string;
  readonly sku: string;
  readonly quantity: number;
}

async function reservationRows(aftermath: Aftermath): Promise<Reservation[]> {
  const rows: Reservation[] = [];
  for await (const { rowKey = "", sku, quantity } of (
    await tableOf(aftermath, "callee-func", "inventory")
  ).listEntities<Reservation>()) {
    // reservation:{calling app}:{order id}
    const [kind, , orderId] = rowKey.split(":");
    if (kind === "reservation" && orderId !== undefined) rows.push({ orderId, sku, quantity });
  }
  return rows.filter(({ orderId }) => !orderId.startsWith("after-"));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
