/** The call that must succeed: an order at the caller, which the caller reserves at the callee. */
import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import type { Observation, PlannedCall } from "../../model/plan.ts";
import type { CallerKind, Outcome } from "../../model/report.ts";
import { once } from "../azure/reading.ts";
import type { ServiceView } from "../view.ts";
import { type CallContext, notMade, plannedCall, type Request, send, UNKNOWN_ADDRESS } from "./context.ts";

/** A fresh deployment has it in stock (INITIAL_STOCK, infra/service-options.json). */
const SKU = "widget";
const QUANTITY = 1;

export const keyHolder: CallerKind = {
  id: "function-key",
  title: "A client of the caller",
  description: "Has a function key of the caller. The caller then calls with its own identity, from its subnet.",
};

export interface OrderTimeout {
  /** How long an order may be pending. */
  readonly totalMs: number;
  /** The wait between two requests for it. */
  readonly pollMs: number;
}

const order = v.object({ orderId: v.string(), state: v.string(), reason: v.optional(v.string()) });

const CREATED: Outcome = { refusedBy: "nobody", status: 201, code: null };
const OK: Outcome = { refusedBy: "nobody", status: 200, code: null };

export function orderCalls(context: CallContext, timeout: OrderTimeout): PlannedCall[] {
  const caller = context.view.services.find(({ name }) => name === "caller-func");
  if (caller === undefined) return [];
  const place = once(() => placeOrder(context, caller, timeout));
  return [
    plannedCall("place-order", "here", keyHolder.id, CREATED, async () => (await place()).placed),
    plannedCall("get-order", "here", keyHolder.id, OK, async () => (await place()).read),
  ];
}

interface Placed {
  readonly placed: Observation;
  readonly read: Observation;
}

async function placeOrder(context: CallContext, caller: ServiceView, timeout: OrderTimeout): Promise<Placed> {
  const impossible = await obstacle(context);
  const key = impossible === null ? await caller.azure.functionKey() : null;
  if (key?.kind !== "found") {
    const reason = impossible ?? (key?.kind === "unreadable" ? key.reason : "The caller has no function key.");
    return { placed: notMade(reason), read: notMade(reason) };
  }

  const orderId = `verify-${randomUUID()}`;
  const headers = { "x-functions-key": key.value };
  const orders = { url: `${caller.url}/api/orders`, headers, timeoutMs: context.timeoutMs };
  const body = { orderId, sku: SKU, quantity: QUANTITY };
  const { body: text, ...placed } = await send({ ...orders, method: "POST", body });
  if (placed.actual === null) return { placed, read: notMade("No order was placed.") };

  const request = { ...orders, method: "GET", url: `${orders.url}/${orderId}` };
  const read = await poll(request, orderId, placed.actual.status === 202 ? timeout : { ...timeout, totalMs: 0 });
  return { placed: assess(placed, readOrder(text, orderId)?.state, read.different !== true), read };
}

/** Why this machine cannot place an order; null for no reason. */
async function obstacle({ here, view }: CallContext): Promise<string | null> {
  const { address, isWithin } = await here();
  if (address === null) return UNKNOWN_ADDRESS;
  if (isWithin(view.deployment.ingressRanges)) return null;
  return `${address} is not among RESTRICTED_INGRESS_ADDRESS_RANGES, so the caller's own API is closed to this machine.`;
}

/** 202 passes too, if the order is reserved later: the caller's timer delivers it. */
function assess(placed: Observation, state: string | undefined, isReserved: boolean): Observation {
  const status = placed.actual?.status;
  if (status === 202 && isReserved) {
    return { ...placed, expected: { ...CREATED, status }, note: "Pending at first, and reserved later." };
  }
  if (status === 201 && state !== "reserved") {
    return { ...placed, different: true, note: "The response does not say that this order is reserved." };
  }
  return { ...placed, note: status === 409 ? "The callee refused the order itself: look at its stock." : null };
}

async function poll(request: Request, orderId: string, { totalMs, pollMs }: OrderTimeout): Promise<Observation> {
  const until = Date.now() + totalMs;
  for (;;) {
    const { body, ...observed } = await send(request);
    const state = readOrder(body, orderId)?.state;
    if (state !== "pending" || Date.now() >= until) {
      if (observed.actual === null || state === "reserved") return observed;
      return { ...observed, different: true, note: `The order is ${state ?? "not what was placed"}, not reserved.` };
    }
    await wait(pollMs);
  }
}

function readOrder(body: string, orderId: string): v.InferOutput<typeof order> | null {
  try {
    const parsed = v.safeParse(order, JSON.parse(body));
    return parsed.success && parsed.output.orderId === orderId ? parsed.output : null;
  } catch {
    return null;
  }
}
