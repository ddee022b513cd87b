import { expect, test } from "vitest";
import { FinalError, poll, retry } from "../poll.ts";

/** Fails so many times, then returns how often it was called. */
function failing(times: number, fail: () => Error = () => new Error("not yet")): () => Promise<number> {
  let calls = 0;
  return () => {
    calls += 1;
    return calls > times ? Promise.resolve(calls) : Promise.reject(fail());
  };
}

test("poll reads until the value is the wanted one", async () => {
  let value = 0;
  await expect(
    poll(
      () => (value += 1),
      (read) => read === 3,
      { pauseMs: 1 },
    ),
  ).resolves.toBe(3);
});

test("poll returns the last value when the time is up", async () => {
  const read = poll(
    () => "pending",
    (state) => state === "done",
    { pauseMs: 1, timeoutMs: 0 },
  );
  await expect(read).resolves.toBe("pending");
});

test("retry calls a function until it succeeds, and reports each failure before the pause", async () => {
  const reported: unknown[] = [];
  const onRetry = (error: unknown, attempt: number): void => void reported.push([(error as Error).message, attempt]);
  await expect(retry(failing(2), { pauseMs: 1, onRetry })).resolves.toBe(3);
  expect(reported).toEqual([
    ["not yet", 1],
    ["not yet", 2],
  ]);
});

test.each([
  ["the attempts are used up", { attempts: 2 }, 2],
  ["the time is up", { timeoutMs: 0 }, 1],
])("retry throws the last error when %s", async (_when, limits, calls) => {
  let called = 0;
  const attempt = (): Promise<never> => Promise.reject(new Error(`attempt ${(called += 1)}`));
  await expect(retry(attempt, { pauseMs: 1, ...limits })).rejects.toThrow(`attempt ${calls}`);
});

test("retry throws a FinalError at once", async () => {
  const attempt = failing(1, () => new FinalError("never"));
  await expect(retry(attempt, { pauseMs: 1 })).rejects.toThrow("never");
  await expect(attempt()).resolves.toBe(2);
});

test("a signal ends the wait", async () => {
  const signal = AbortSignal.abort(new Error("stopped"));
  await expect(retry(failing(1), { pauseMs: 1, signal })).rejects.toThrow("stopped");
  await expect(
    poll(
      () => 0,
      () => false,
      { pauseMs: 1, signal },
    ),
  ).rejects.toThrow("stopped");
});
