import { randomUUID } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import * as v from "valibot";
import type { CallerKind, Outcome } from "../../model/report.ts";
import { once } from "../azure/reading.ts";
import type { SceneService } from "../view.ts";
import { notMade, type PlannedCell, plannedCell, type Request, seen, type Seen } from "./request.ts";
import type { Surroundings } from "./refusals.ts";

/** One unit of what a fresh deployment has in stock (INITIAL_STOCK, infra/service-options.json). */
const SKU = "widget";
const QUANTITY = 1;

export const keyHolder: CallerKind = {
  id: "function-key",
  title: "A client of the caller",
  description:
    "Has one of the caller's function keys. What the caller then calls, it calls as itself, from its subnet.",
};

/** How long an order may be pending, and how long to wait between looks at it, in milliseconds. */
export interface OrderPatience {
  readonly inAll: number;
  readonly betweenLooks: number;
}

const order = v.object({ orderId: v.string(), state: v.string(), reason: v.optional(v.string()) });

/** The call that must succeed: an order, which the caller reserves at the callee, and a look at it afterwards. */
export function orderCells(surroundings: Surroundings, patience: OrderPatience): PlannedCell[] {
  const caller = surroundings.scene.services.find(({ name }) => name === "caller-func");
  if (caller === undefined) return [];
  const place = once(() => placeOrder(surroundings, caller, patience));
  return [
    plannedCell("place-order", "here", keyHolder.id, async () => (await place()).placed),
    plannedCell("get-order", "here", keyHolder.id, async () => (await place()).found),
  ];
}

interface Placed {
  readonly placed: Seen;
  readonly found: Seen;
}

const CREATED: Outcome = { refusedBy: "nobody", status: 201, code: null };
const OK: Outcome = { refusedBy: "nobody", status: 200, code: null };

async function placeOrder(surroundings: Surroundings, caller: SceneService, patience: OrderPatience): Promise<Placed> {
  const impossible = await obstacle(surroundings);
  const key = impossible === null ? await caller.azure.functionKey() : null;
  if (key?.kind !== "found") {
    const reason = impossible ?? (key?.kind === "unseen" ? key.reason : "The caller has no function key.");
    return { placed: notMade(CREATED, reason), found: notMade(OK, reason) };
  }

  const orderId = `verify-${randomUUID()}`;
  const headers = { "x-functions-key": key.value };
  const orders = { url: `${caller.url}/api/orders`, headers, patience: surroundings.patience };
  const body = { orderId, sku: SKU, quantity: QUANTITY };
  const answer = await seen(CREATED, { ...orders, method: "POST", body });
  if (answer.actual === null) return { placed: answer, found: notMade(OK, "No order was placed.") };

  const look = { ...orders, method: "GET", url: `${orders.url}/${orderId}` };
  const found = await watch(look, orderId, answer.actual.status === 202 ? patience : { ...patience, inAll: 0 });
  return { placed: judged(answer, orderId, found.different !== true), found };
}

/** Why an order cannot be placed from here; null for no reason. */
async function obstacle({ here, scene }: Surroundings): Promise<string | null> {
  const found = await here();
  const { address } = found;
  if (address === null) return "No site refused this machine, so its public address is not known.";
  if (found.isWithin(scene.deployment.ingressRanges)) return null;
  return `${address} is not among RESTRICTED_INGRESS_ADDRESS_RANGES, so the caller's own API is closed to this machine.`;
}

/** 202 is as good, where the order is reserved a little later: the caller's timer delivers it. */
function judged(answer: Seen & { readonly body: string }, orderId: string, isReserved: boolean): Seen {
  const { actual } = answer;
  const state = readOrder(answer.body, orderId)?.state;
  if (actual?.status === 202 && isReserved) {
    return { ...answer, expected: { ...CREATED, status: 202 }, note: "Pending at first, and reserved a little later." };
  }
  if (actual?.status === 201 && state !== "reserved") {
    return { ...answer, different: true, note: "The answer does not say that this order is reserved." };
  }
  const note = actual?.status === 409 ? "The callee has refused the order itself: look at its stock." : null;
  return { ...answer, note };
}

async function watch(request: Request, orderId: string, { inAll, betweenLooks }: OrderPatience): Promise<Seen> {
  const until = Date.now() + inAll;
  for (;;) {
    const answer = await seen(OK, request);
    const found = readOrder(answer.body, orderId);
    if (found?.state !== "pending" || Date.now() >= until) {
      if (answer.actual === null || found?.state === "reserved") return answer;
      return {
        ...answer,
        different: true,
        note: `The order is ${found?.state ?? "not what was placed"}, not reserved.`,
      };
    }
    await wait(betweenLooks);
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
