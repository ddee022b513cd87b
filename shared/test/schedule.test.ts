import { expect, test } from "vitest";
import { longestRun } from "../outbox/schedule.ts";

test.each([
  ["*/10 * * * * *", 9],
  ["0 * * * * *", 59],
  ["30 */2 * * * *", 119],
  ["0 */5 * * * *", 240], // not 299: below functionTimeout
  ["0 0 3 * * *", 240],
  ["0,20 * * * * *", 19],
  ["0 0,1 * * * *", 59],
  ["0 50-52 * * * *", 59],
  ["5/25 * * * * *", 9], // 5, 30, 55, then 5 again
  ["0 0/10 * * * *", 240],
  ["* * * * * *", 0.5],
  ["50-10 * * * * *", 0.5], // as the host reads it: 10-50
  ["0 55-5/10 * * * *", 240], // 5, 15, ... 55
  ["0 50-49 * * * *", 59],
  ["*/5 * * * *", 240], // five fields: second 0
])("%s: at most %d s", (schedule, seconds) => {
  expect(longestRun(schedule)).toBe(seconds * 1000);
});

test("a schedule that the host could not read is refused", () => {
  expect(() => longestRun("0 0 0 L * *")).toThrow('"L" is not allowed in the field day, which takes 1 to 31');
});
