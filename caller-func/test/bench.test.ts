import { expect, test, vi } from "vitest";
import contract from "../contract.ts";

test("npm run bench -- orders: every order is reserved, and each part of the system has its time", async () => {
  vi.stubEnv("ORDERS_SECONDS", "2");
  const { bench } = await contract.bench.orders();
  const { figures, ratios } = await bench(() => undefined);
  expect(figures["64 clients"]).toMatch(/^[1-9]\d* orders\/s reserved; 0 of \d+ other responses$/);
  for (const part of ["table storage: SDK", "outbox", "HTTP client", "host: worker and @azure/functions"]) {
    expect(parseFloat(figures[part] ?? ""), part).toBeGreaterThan(0);
  }
  expect(figures).toMatchObject({ authorization: "0.0 %; 0.00 ms an order" });
  for (const { name, value } of ratios) expect(value, name).toBeGreaterThan(0);
});
