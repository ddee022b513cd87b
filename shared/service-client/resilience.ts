// Retries, circuit breaker, bulkhead and timeouts around a call.
import {
  bulkhead,
  circuitBreaker,
  CountBreaker,
  DelegateBackoff,
  ExponentialBackoff,
  handleWhenResult,
  type IPolicy,
  type IRetryBackoffContext,
  retry,
  timeout,
  TimeoutStrategy,
  wrap,
} from "cockatiel";
import { defaultLimits } from "./limits.ts";
import type { ServiceOutcome } from "./outcome.ts";

/** The first wait between tries, in milliseconds; doubled for the second. Half of it is jitter. */
const FIRST_WAIT_MS = 200;
/** A longer `Retry-After`, in milliseconds, is not waited for but returned with the response. */
const LONGEST_WAIT_MS = 2_000;

/** The circuit opens if more than half of the last 20 calls failed, with at least 10: one bad instance of two is not enough. */
const CIRCUIT = { threshold: 0.5, size: 20, minimumNumberOfCalls: 10 };
/** The wait before one call probes, in milliseconds; each failed probe doubles it, up to the second value. */
const FIRST_PROBE_AFTER_MS = 1_000;
const LAST_PROBE_AFTER_MS = 30_000;

/** The codes of a 503 that each other request would get too. */
const FOR_ALL_REQUESTS: readonly string[] = ["storage-unavailable", "keys-unavailable"];

/** Calls that wait for their turn: at 10 ms a call, the last one waits less than a second. */
const MAX_WAITING = 1_000;

/** Not aborted on return: that alone costs as much as all policies together. */
const cooperative = { strategy: TimeoutStrategy.Cooperative, abortOnReturn: false };

/** The policies around calls to one service. */
export interface Resilience {
  /** For requests that are safe to repeat. */
  readonly repeatable: IPolicy;
  /** For requests that are sent at most once. */
  readonly once: IPolicy;
}

export function createResilience({ deadlineMs, tryTimeoutMs, retries, calls } = defaultLimits): Resilience {
  // Shared by all calls: together they show the health of the service.
  const circuit = circuitBreaker(handleWhenResult(isFailure), {
    breaker: new CountBreaker(CIRCUIT),
    halfOpenAfter: new ExponentialBackoff({ initialDelay: FIRST_PROBE_AFTER_MS, maxDelay: LAST_PROBE_AFTER_MS }),
  });
  const turns = bulkhead(calls, MAX_WAITING);
  const tries = retry(handleWhenResult(isWorthRepeating), {
    maxAttempts: retries,
    backoff: new DelegateBackoff(waitBeforeNextTry),
  });
  const deadline = timeout(deadlineMs, cooperative);
  const tryTimeout = timeout(tryTimeoutMs, cooperative);
  return {
    repeatable: wrap(deadline, tries, turns, circuit, tryTimeout),
    once: wrap(deadline, turns, circuit, tryTimeout),
  };
}

/**
 * The policies under a further deadline, in milliseconds. Returns at once when it ends, and aborts the try, which still counts
 * for the circuit: the waits between tries and for another call's probe do not end by a signal.
 */
export function within(deadlineMs: number | undefined, policy: IPolicy): IPolicy {
  if (deadlineMs === undefined) return policy;
  return wrap(timeout(deadlineMs, { strategy: TimeoutStrategy.Aggressive, abortOnReturn: false }), policy);
}

/** The service's health: a refusal or a 429 comes from a service that is well, and so does "not this one now". */
function isFailure(result: unknown): boolean {
  const outcome = result as ServiceOutcome;
  return outcome.kind === "no-response" || (outcome.kind === "response" && outcome.status >= 500 && !isLater(outcome));
}

/**
 * The service itself puts this request off: other requests may succeed. An instance that stops, or a front end without one,
 * sends no problem document with a `Retry-After`.
 */
function isLater({ status, code, retryAfterMs }: Extract<ServiceOutcome, { readonly kind: "response" }>): boolean {
  return status === 503 && retryAfterMs !== undefined && code !== undefined && !FOR_ALL_REQUESTS.includes(code);
}

function isWorthRepeating(result: unknown): boolean {
  const outcome = result as ServiceOutcome;
  if (outcome.kind !== "response") return outcome.kind === "no-response";
  const { status, retryAfterMs = 0 } = outcome;
  return (status === 408 || status === 429 || status >= 500) && retryAfterMs <= LONGEST_WAIT_MS;
}

function waitBeforeNextTry({ attempt, result }: IRetryBackoffContext<unknown>): number {
  const outcome = "value" in result ? (result.value as ServiceOutcome) : undefined;
  const asked = outcome?.kind === "response" ? (outcome.retryAfterMs ?? 0) : 0;
  return asked + FIRST_WAIT_MS * 2 ** (attempt - 1) * (0.5 + Math.random() / 2);
}
