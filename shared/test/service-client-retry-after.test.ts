import { expect, test } from "vitest";
import { readRetryAfter } from "../service-client/retry-after.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

test.each<[unknown, number | undefined]>([
  ["0", 0],
  ["120", 120_000],
  ["Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
  ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ["86400", 3_600_000], // capped
  ["Fri, 01 Jan 2027 00:00:00 GMT", 3_600_000],
  ["soon", undefined],
  ["", undefined],
  [undefined, undefined],
])("%s is %s ms", (value, expected) => {
  expect(readRetryAfter(value, NOW)).toBe(expected);
});
