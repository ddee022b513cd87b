import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createResilience, type Resilience } from "../service-client/resilience.ts";
import type { ServiceOutcome } from "../service-client/outcome.ts";

const answer = (status: number, retryAfterMs?: number, code?: string): ServiceOutcome => ({
  ...{ kind: "response", status, body: undefined, refusedBy: undefined, tries: 1 },
  ...(code !== undefined && { code }),
  ...(retryAfterMs !== undefined && { retryAfterMs }),
});
const noResponse: ServiceOutcome = { kind: "no-response", reason: "ECONNRESET", tries: 1 };
const noToken: ServiceOutcome = { kind: "no-token", reason: "Entra is down", tries: 1 };
const heldBack: ServiceOutcome = { kind: "held-back", reason: "broken off", tries: 1 };

let resilience: Resilience;
let random: number;

beforeEach(() => {
  vi.useFakeTimers();
  random = 0;
  vi.spyOn(Math, "random").mockImplementation(() => random);
  resilience = createResilience();
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.useRealTimers();
});

/** When each try of a call begins, in milliseconds after the call, where every try has the same result. */
async function triesOf(result: ServiceOutcome): Promise<number[]> {
  const began = Date.now();
  const times: number[] = [];
  const call = resilience.repeatable.execute(() => {
    times.push(Date.now() - began);
    return result;
  });
  await vi.advanceTimersByTimeAsync(20_000);
  await call;
  return times;
}

test.each<[string, number, ServiceOutcome, number[]]>([
  ["the shortest waits: 100 and 200 ms", 0, answer(500), [0, 100, 300]],
  ["the longest waits: 200 and 400 ms", 1, answer(500), [0, 200, 600]],
  ["no answer", 0, noResponse, [0, 100, 300]],
  ["429 with a Retry-After, which comes on top", 0, answer(429, 1_000), [0, 1_100, 2_300]],
  ["the longest Retry-After that is waited for", 0, answer(503, 2_000), [0, 2_100, 4_300]],
  ["a longer one", 0, answer(503, 2_001), [0]],
  ["408", 0, answer(408), [0, 100, 300]],
  ["499", 0, answer(499), [0]],
  ["no token", 0, noToken, [0]],
  ["held back", 0, heldBack, [0]],
])("tries of %s", async (_, drawn, result, times) => {
  random = drawn;
  expect(await triesOf(result)).toEqual(times);
});

/** Whether a call is let through; it has this result then. */
async function isLetThrough(result: ServiceOutcome): Promise<boolean> {
  return resilience.once
    .execute(() => result)
    .then(
      () => true,
      () => false,
    );
}

test.each<[string, ServiceOutcome, boolean]>([
  ["no answer", noResponse, false],
  ["500", answer(500), false],
  ["503 busy with a Retry-After", answer(503, 1_000, "busy"), true],
  ["503 busy with a Retry-After of 0", answer(503, 0, "busy"), true],
  ["503 busy without Retry-After", answer(503, undefined, "busy"), false],
  ["503 with a Retry-After and no problem document", answer(503, 1_000), false],
  ["502 busy with a Retry-After", answer(502, 1_000, "busy"), false],
  ["504 busy with a Retry-After", answer(504, 1_000, "busy"), false],
  ["503 storage-unavailable", answer(503, 5_000, "storage-unavailable"), false],
  ["503 keys-unavailable", answer(503, 1_000, "keys-unavailable"), false],
  ["499", answer(499), true],
  ["no token", noToken, true],
])("the circuit after 10 calls that had %s", async (_, result, closed) => {
  random = 0.5;
  for (let i = 0; i < 10; i++) expect(await isLetThrough(result)).toBe(true);
  expect(await isLetThrough(answer(200))).toBe(closed);
});

test("an open circuit lets a probe through after a second, and one that fails later and later, up to 30 s", async () => {
  random = 0.5;
  for (let i = 0; i < 10; i++) await isLetThrough(noResponse);
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    let wait = 0;
    for (; !(await isLetThrough(noResponse)); wait += 100) await vi.advanceTimersByTimeAsync(100);
    waits.push(wait);
  }
  expect(waits[0]).toBeGreaterThan(500);
  expect(waits[0]).toBeLessThan(1_500);
  expect(waits).toEqual(waits.toSorted((one, other) => one - other));
  expect(waits.at(-1)).toBe(30_000);
});

test("a try of 6 s is told to end, and its own result is the call's", async () => {
  let wasTold = false;
  const call = resilience.once.execute(
    ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          wasTold = true;
          setTimeout(() => {
            resolve(noResponse);
          }, 10);
        });
      }),
  );
  await vi.advanceTimersByTimeAsync(5_999);
  expect(wasTold).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(wasTold).toBe(true);
  await vi.advanceTimersByTimeAsync(10);
  await expect(call).resolves.toBe(noResponse);
});
