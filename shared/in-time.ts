/**
 * Waits for work that may never settle. The work itself goes on after a timeout.
 *
 * @param timeoutMs how long to wait, in milliseconds
 * @param onTimeout makes the error for a timeout
 * @param signal ends the wait early, with the same error
 * @throws what the work rejects with, or the error of `onTimeout`
 */
export async function inTime<T>(
  work: T | Promise<T>,
  timeoutMs: number,
  onTimeout: () => Error,
  signal?: AbortSignal,
): Promise<T> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const giveUp = (): void => {
    reject(onTimeout());
  };
  const timer = setTimeout(giveUp, timeoutMs);
  if (signal?.aborted === true) giveUp();
  signal?.addEventListener("abort", giveUp, { once: true });
  try {
    return await Promise.race([work, end]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
