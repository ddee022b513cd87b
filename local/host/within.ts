/** Waiting for a promise, but no longer than a limit. */

/** Node's timers take no longer time. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/**
 * @param limitMs Infinity waits for ever
 * @returns the promise's value, or undefined when the limit comes first
 */
export async function within<T>(limitMs: number, promise: Promise<T>): Promise<T | undefined> {
  if (limitMs === Infinity) return promise;
  const { promise: expired, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.min(Math.max(limitMs, 0), LONGEST_TIMER_MS), undefined);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
