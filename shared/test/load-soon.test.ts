import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { loadSoon } from "../functions/load-soon.ts";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test("loads nothing at the start, and everything soon after it", async () => {
  const [one, other] = [vi.fn(() => Promise.resolve()), vi.fn(() => Promise.resolve())];
  loadSoon(one, other);
  await vi.advanceTimersByTimeAsync(100);
  expect(one).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1_000);
  expect([one.mock.calls.length, other.mock.calls.length]).toEqual([1, 1]);
});

test("loads at the first call where that comes sooner, once for all calls, and has everything before they begin", async () => {
  let arrived = false;
  const one = vi.fn(() => new Promise<void>((resolve) => setTimeout(resolve, 50)).then(() => void (arrived = true)));
  const load = loadSoon(one);
  const calls = [load(), load()].map((loaded) => loaded.then(() => arrived));
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await Promise.all(calls)).toEqual([true, true]);
  expect(one).toHaveBeenCalledOnce();
});

test("what cannot be loaded ends nothing: the rest is loaded, and no rejection goes unhandled", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  const other = vi.fn(() => Promise.resolve());
  const load = loadSoon(() => Promise.reject(new Error("cannot be loaded")), other);
  await vi.advanceTimersByTimeAsync(1_000);
  await load();
  vi.useRealTimers();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);
  expect(other).toHaveBeenCalledOnce();
  expect(unhandled).not.toHaveBeenCalled();
});
