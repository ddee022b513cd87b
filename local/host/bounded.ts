/**
 * Waits for a promise, but no longer than the limit (milliseconds; Infinity waits for ever).
 *
 * @returns what the promise resolves to, or undefined when the limit passed first
 */
export async function within<T>(limit: number, promise: Promise<T>): Promise<T | undefined> {
  if (limit === Infinity) return promise;
  // Node's timers take at most 2^31-1 ms; longer limits are as good as that.
  const { promise: expired, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(resolve, Math.min(Math.max(limit, 0), 2 ** 31 - 1), undefined);
  try {
    return await Promise.race([promise, expired]);
  } finally {
    clearTimeout(timer);
  }
}
