import { expect, test, vi } from "vitest";
import contract from "../contract.ts";

test("npm run bench -- inventory: together, reservations are not refused and need fewer requests", async () => {
  vi.stubEnv("INVENTORY_SECONDS", "0.5");
  const { bench } = await contract.bench.inventory();
  const { figures, ratios, pictured = [] } = await bench(() => undefined);
  expect(Object.keys(figures)).toHaveLength(7);
  for (const figure of Object.values(figures)) {
    expect(figure).toMatch(/^[1-9]\d* reservations\/s; \d+(\.\d+)? storage requests each; 0\.0 % refused$/);
  }
  const requests = ratios.filter(({ name }) => name.startsWith("storage requests"));
  expect(requests).toHaveLength(2);
  for (const { name, value, atMost } of requests) expect(value, name).toBeLessThanOrEqual(atMost ?? NaN);
  const compared = pictured.flatMap(({ ours, others }) => [ours, ...others]);
  const rates = [figures["128 callers"], figures["1 caller"]].map((figure) => figure?.split(";")[0]);
  expect(compared.map(({ figure }) => figure)).toEqual(rates);
});
