/** Checks the system after the last fault: no order is lost, none is reserved twice, and the stock adds up. */
import { type Endpoints, managedIdentityToken, tableOf } from "../local/index.ts";
import { reasonOf } from "../tools/command-line.ts";
import { poll, retry } from "../tools/poll.ts";
import type { ChaosOrder, Clients } from "./clients.ts";

export interface Aftermath {
  /** The origin of the callers. */
  readonly callers: string;
  readonly endpoints: Endpoints;
  /** The folder of the system's settings. */
  readonly folder: string;
  readonly orders: readonly ChaosOrder[];
  readonly clients: Clients;
  readonly stock: Readonly<Record<string, number>>;
  /** Milliseconds until an order that is still pending counts as a failure. */
  readonly timeoutMs: number;
}

export interface Assessment {
  /** Each violation in one line; empty if there is none. */
  readonly failures: readonly string[];
  readonly reserved: number;
  readonly rejected: number;
  /** Orders by number of attempts. */
  readonly attempts: ReadonlyMap<number, number>;
  /** Why attempts failed, and how often. */
  readonly failedAttempts: ReadonlyMap<string, number>;
  /** When no order was pending any more: milliseconds since 1970. */
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

const PAUSE_MS = 500;

/** Waits until no order is pending, then compares orders, stock and reservations. */
export async function assess(aftermath: Aftermath): Promise<Assessment> {
  const { orders, clients, callers, timeoutMs } = aftermath;
  const failures: string[] = [];
  const deadline = Date.now() + timeoutMs;

  const kept = await poll(
    () => allOrders(callers, deadline),
    (all) => all.every(({ state }) => state !== "pending"),
    { pauseMs: PAUSE_MS, timeoutMs },
  );
  const drainedAt = Date.now();
  const byId = new Map(kept.map((order) => [order.orderId, order]));

  for (const { orderId, sku, quantity } of orders) {
    const order = byId.get(orderId);
    if (order === undefined) {
      if (clients.accepted.has(orderId)) failures.push(`${orderId} was accepted and is lost`);
      continue;
    }
    if (order.sku !== sku || order.quantity !== quantity) failures.push(`${orderId} differs from what was ordered`);
    if (order.state !== "reserved" && order.state !== "rejected") failures.push(`${orderId} is ${order.state}`);
    if (sku === "no-such-sku" && order.state === "reserved")
      failures.push(`${orderId} is reserved, but its SKU is unknown`);
    const first = clients.accepted.get(orderId);
    const expected = first === 201 ? "reserved" : first === 409 ? "rejected" : order.state;
    if (order.state !== expected) failures.push(`${orderId}: the response said ${expected}, but it is ${order.state}`);
  }
  if (byId.size !== kept.length) failures.push("an order is listed twice");
  failures.push(...(await stockFailures(aftermath, kept)), ...(await healthFailures(aftermath)));

  const attempts = new Map<number, number>();
  for (const order of kept) attempts.set(order.attempts, (attempts.get(order.attempts) ?? 0) + 1);
  const failedAttempts = new Map<string, number>();
  for (const { what, times } of kept.flatMap(({ history = [] }) => history)) {
    failedAttempts.set(what, (failedAttempts.get(what) ?? 0) + times);
  }
  const inState = (state: string): number => kept.filter((order) => order.state === state).length;
  return {
    failures,
    reserved: inState("reserved"),
    rejected: inState("rejected"),
    attempts,
    failedAttempts,
    drainedAt,
  };
}

/** The stock must add up, in the API and in the rows: each reserved order has one reservation, and no other order has one. */
async function stockFailures(aftermath: Aftermath, kept: readonly OrderView[]): Promise<string[]> {
  const { endpoints, stock } = aftermath;
  const failures: string[] = [];
  const token = await managedIdentityToken(endpoints, "caller-func", endpoints.api.identifierUri);
  const reserved = kept.filter(({ state }) => state === "reserved");
  for (const [sku, onHand] of Object.entries(stock)) {
    const expected = sum(reserved.filter((order) => order.sku === sku).map(({ quantity }) => quantity));
    const actual = await stockOf(`${endpoints.callee.callerSubnet}/api/inventory/${sku}`, token);
    if (actual.onHand !== onHand || actual.reserved !== expected || actual.available < 0) {
      failures.push(
        `${sku}: orders reserve ${expected} of ${onHand}, the callee has ${actual.reserved} of ${actual.onHand}`,
      );
    }
  }

  const rows = await reservationRows(aftermath);
  const reservations = new Map(rows.map((row) => [row.orderId, row]));
  if (reservations.size !== rows.length) failures.push("an order has two reservations");
  for (const { orderId, sku, quantity } of reserved) {
    const row = reservations.get(orderId);
    if (row?.sku !== sku || row.quantity !== quantity) failures.push(`${orderId} is reserved, but has no reservation`);
    reservations.delete(orderId);
  }
  for (const orderId of reservations.keys()) failures.push(`${orderId} has a reservation, but is not reserved`);
  return failures;
}

/** The callee requests signing keys at most every 30 s: for so long, it may refuse a token with a new key. */
const CALLEE_TIMEOUT_MS = 40_000;

interface Stock {
  readonly onHand: number;
  readonly reserved: number;
  readonly available: number;
}

function stockOf(url: string, token: string): Promise<Stock> {
  const headers = { Authorization: `Bearer ${token}` };
  return retry(() => json<Stock>(200, url, { headers }), { pauseMs: PAUSE_MS, timeoutMs: CALLEE_TIMEOUT_MS });
}

/** Places one order for each pair of a caller and a callee: all of them must work again without help. */
async function healthFailures({ callers }: Aftermath): Promise<string[]> {
  const failures: string[] = [];
  const deadline = Date.now() + CALLEE_TIMEOUT_MS;
  for (let i = 0; i < 4; i++) {
    const order = { method: "POST", body: JSON.stringify({ orderId: `after-${i}`, sku: "widget", quantity: 1 }) };
    try {
      const place = (): Promise<unknown> => json(201, `${callers}/api/orders`, order);
      await retry(place, { pauseMs: PAUSE_MS, timeoutMs: deadline - Date.now() });
    } catch (error) {
      failures.push(`an order placed after the last fault: ${reasonOf(error)}`);
    }
  }
  return failures;
}

interface Page {
  readonly orders: readonly OrderView[];
  readonly continuationToken?: string;
}

/** All orders of the clients, without those of `healthFailures`. */
async function allOrders(callers: string, deadline: number): Promise<OrderView[]> {
  const orders: OrderView[] = [];
  let token: string | undefined = "";
  while (token !== undefined) {
    const url = `${callers}/api/orders${token === "" ? "" : `?continuationToken=${encodeURIComponent(token)}`}`;
    const page: Page = await retry(() => json<Page>(200, url), { pauseMs: PAUSE_MS, timeoutMs: deadline - Date.now() });
    orders.push(...page.orders);
    token = page.continuationToken;
  }
  return orders.filter(({ orderId }) => !orderId.startsWith("after-"));
}

/** @throws Error with the response, if it has another status */
async function json<T>(expected: number, url: string, request?: RequestInit): Promise<T> {
  const response = await fetch(url, request);
  if (response.status === expected) return (await response.json()) as T;
  throw new Error(`${request?.method ?? "GET"} ${url} returned ${response.status}: ${await response.text()}`);
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
