import { app } from "@azure/functions";
import { afterEach, expect, test, vi } from "vitest";
import { deliveryTimer } from "../functions/index.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

test.each([
  [undefined, "%DELIVERY_SCHEDULE%"],
  ["INVOICES_SCHEDULE", "%INVOICES_SCHEDULE%"],
])("the host reads the schedule from a setting, whose name may be another one: %s", (scheduleSetting, expected) => {
  vi.spyOn(app.hook, "appTerminate").mockReturnValue(undefined as never);
  const timer = vi.spyOn(app, "timer").mockReturnValue(undefined);
  const outbox = { run: vi.fn(), drain: vi.fn() };
  deliveryTimer("deliver", outbox, { schedule: "0 * * * * *", scheduleSetting, retentionDays: 30 });
  expect(timer).toHaveBeenCalledWith("deliver", expect.objectContaining({ schedule: expected }));
});
