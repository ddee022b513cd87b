import { expect, test, vi } from "vitest";
import contract from "../contract.ts";

test("npm run bench -- inventory: alone, a caller is never refused; others cost more requests", async () => {
  vi.stubEnv("INVENTORY_SECONDS", "0.5");
  const { bench } = await contract.bench.inventory();
  const { figures, ratios } = await bench(() => undefined);
  expect(figures["1 caller at once"]).toMatch(
    /^[1-9]\d* reservations\/s; \d+\.\d storage requests each; 0\.0 % refused$/,
  );
  expect(ratios).toHaveLength(8);
  for (const { value } of ratios) expect(value).toBeGreaterThan(0);
});
