/** Waits for something that comes later: the wait loops of all tools. */
import { setTimeout as delay } from "node:timers/promises";

export interface PollOptions {
  /** Milliseconds between two attempts. */
  readonly pauseMs: number;
  /** Milliseconds from the call: no attempt begins later. No limit if not given. */
  readonly timeoutMs?: number;
  /** Ends the wait: the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

export interface RetryOptions extends PollOptions {
  /** How many attempts there are at most. No limit if not given. */
  readonly attempts?: number;
  /** Is called before each pause, with the error and the number of the attempt that failed: 1 for the first. */
  readonly onRetry?: (error: unknown, attempt: number) => void;
}

/** An error that no later attempt changes: `retry` throws it at once. */
export class FinalError extends Error {
  override readonly name = "FinalError";
}

/**
 * Reads a value until it is the wanted one, or the time is up.
 *
 * @returns the value that was read last
 * @throws what `read` throws
 */
export async function poll<T>(
  read: () => T | Promise<T>,
  isWanted: (value: T) => boolean,
  { pauseMs, timeoutMs = Infinity, signal }: PollOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const value = await read();
    if (isWanted(value) || Date.now() + pauseMs > deadline) return value;
    await delay(pauseMs, undefined, { signal });
  }
}

/**
 * Calls a function until it succeeds.
 *
 * @returns what the function returned
 * @throws the error of the last attempt; a FinalError at once
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  { pauseMs, timeoutMs = Infinity, attempts = Infinity, signal, onRetry }: RetryOptions,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (let number = 1; ; number++) {
    signal?.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      if (error instanceof FinalError || number >= attempts || Date.now() + pauseMs > deadline) throw error;
      onRetry?.(error, number);
      await delay(pauseMs, undefined, { signal });
    }
  }
}
