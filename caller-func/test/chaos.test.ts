import { describe, expect, it } from "vitest";
import { chaos } from "../chaos.ts";

const { sends } = chaos;
if (sends === undefined) throw new Error("chaos.sends is missing");

/** The same numbers each time: a linear congruential generator. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 16_807) % 2_147_483_647) / 2_147_483_647;
}

describe("the orders of a chaos run", () => {
  it.each([1, 7, 11])("are refused for both reasons, and most are reserved (numbers from %i)", (seed) => {
    const count = 300;
    const orders = sends.messages(count, numbers(seed));
    expect(new Set(orders.map(({ id }) => id)).size).toBe(count);
    const stock = JSON.parse(sends.settings?.(count)["callee-func"]?.["INITIAL_STOCK"] ?? "{}") as Record<
      string,
      number
    >;
    const wanted = (sku: string): number =>
      orders.reduce((sum, { content }) => sum + (content.sku === sku ? content.quantity : 0), 0);
    const unknown = orders.filter(({ content }) => !(content.sku in stock));
    expect(unknown.length).toBeGreaterThan(0);
    expect(unknown.every(({ ends }) => ends === "refused")).toBe(true);
    expect(orders.filter(({ content }) => content.sku in stock).every(({ ends }) => ends === undefined)).toBe(true);
    const scarce = Object.entries(stock).filter(([sku, units]) => wanted(sku) > units);
    expect(scarce.map(([sku]) => sku)).toEqual(["gizmo", "gear"]);
  });

  it("are read page by page", async () => {
    const order = { orderId: "a", sku: "bolt", quantity: 2, state: "rejected", reason: "unknown-sku", attempts: 1 };
    const pages: Record<string, unknown> = {
      "/api/orders": { orders: [order], continuationToken: "next one" },
      "/api/orders?continuationToken=next%20one": { orders: [{ ...order, orderId: "b", state: "reserved" }] },
    };
    const outcomes = await sends.outcomes((path) => Promise.resolve(pages[path]));
    expect(outcomes.map(({ id, state, content }) => ({ id, state, content }))).toEqual([
      { id: "a", state: "refused", content: { sku: "bolt", quantity: 2 } },
      { id: "b", state: "done", content: { sku: "bolt", quantity: 2 } },
    ]);
  });
});
