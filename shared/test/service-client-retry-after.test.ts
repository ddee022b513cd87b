import { describe, expect, test } from "vitest";
import { readRetryAfter } from "../service-client/retry-after.ts";

const NOW = Date.parse("2026-01-01T00:00:00Z");

test.each<[unknown, number | undefined]>([
  ["0", 0],
  ["120", 120_000],
  ["Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
  ["Wed, 31 Dec 2025 23:59:00 GMT", 0],
  ["86400", 3_600_000], // capped
  ["Fri, 01 Jan 2027 00:00:00 GMT", 3_600_000],
  ["9".repeat(400), 3_600_000],
  // The two obsolete formats.
  ["Thursday, 01-Jan-26 00:01:00 GMT", 60_000],
  ["Sunday, 06-Nov-94 08:49:37 GMT", 0],
  ["Wednesday, 01-Jan-76 00:00:00 GMT", 3_600_000], // 50 years ahead: 2076
  ["Saturday, 01-Jan-77 00:00:00 GMT", 0], // more than 50: 1977
  ["Thu Jan  1 00:01:00 2026", 60_000],
  ["Sat Jan 10 00:01:00 2026", 3_600_000],
  [undefined, undefined],
])("%s is %s ms", (value, expected) => {
  expect(readRetryAfter(value, NOW)).toBe(expected);
});

describe("what RFC 9110 does not allow is no Retry-After", () => {
  test.each([
    "",
    "soon",
    " 120",
    "+120",
    "-120",
    "1.5",
    "1e3",
    "0x10",
    "١٢٠",
    "120, 120",
    "2026-01-01T00:01:00Z",
    "2026-01-01",
    "1 Jan 2026",
    "Thu, 01 Jan 2026 00:01:00",
    "Thu, 01 Jan 2026 00:01:00 UTC",
    "Thu, 01 Jan 2026 00:01:00 +0000",
    "Thu, 01 Jan 2026 01:01:00 CET",
    "Thu, 1 Jan 2026 00:01:00 GMT",
    "Thu, 01 Jan 26 00:01:00 GMT",
    "Thu, 01 jan 2026 00:01:00 GMT",
    "Thu, 01 Jan 2026 00:01 GMT",
    "Thu, 01 Jan 2026 24:00:00 GMT",
    "Fri, 30 Feb 2026 00:00:00 GMT",
    "Fri, 01 Jan 2026 00:01:00 GMT", // a Thursday
    "Thursday, 01 Jan 2026 00:01:00 GMT",
    "Thu, 01-Jan-26 00:01:00 GMT",
    "Thu Jan 1 00:01:00 2026",
    "Thu Jan  1 00:01:00 2026 GMT",
    "Thu, 01 Jan 2026 00:01:00 GMT (now)",
  ])("'%s'", (value) => {
    expect(readRetryAfter(value, NOW)).toBeUndefined();
  });
});
