/** The question of `--probe`. */
import { PassThrough } from "node:stream";
import { afterEach, expect, it, vi } from "vitest";
import { probeOptions } from "../probe-options.ts";
import { terminalProgress } from "../progress.ts";

afterEach(() => vi.restoreAllMocks());

/** @param typed what the person types before the input ends */
function answered(typed: string, isEnded = true): Promise<boolean> {
  const input = new PassThrough();
  vi.spyOn(process, "stdin", "get").mockReturnValue(input as unknown as typeof process.stdin);
  const progress = terminalProgress(process.stderr);
  const answer = probeOptions(false, progress, new AbortController().signal).confirm("What it creates.");
  input.write(typed);
  if (isEnded) input.end();
  return answer;
}

it.each(["", "no\n", "yesterday\n", "\n", "yes"])("creates nothing after: %j", async (typed) => {
  expect(await answered(typed)).toBe(false);
});

it.each(["yes\n", "Y\n"])("creates the probe after: %j", async (typed) => {
  expect(await answered(typed)).toBe(true);
});

it("does not wait for the end of the input", async () => {
  expect(await answered("yes\n", false)).toBe(true);
});
