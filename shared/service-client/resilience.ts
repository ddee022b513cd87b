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
import type { ServiceOutcome } from "./outcome.ts";

/** A call with all its tries ends within this time, in milliseconds: two tries in full, and what is left for a third. */
export const DEADLINE_MS = 15_000;

/** A service answers in milliseconds, and in 4 s when its app has just started; a try ends after this, in milliseconds. */
const TRY_TIMEOUT_MS = 6_000;

/** Two more tries bridge a restarted instance; whatever lasts longer is its caller's to wait for. */
const MAX_RETRIES = 2;
/** Waits between tries, in milliseconds: about 200 and 400, of which half is random, so that many callers part. */
const FIRST_WAIT_MS = 200;
/** A `Retry-After` beyond this, in milliseconds, is not waited for but handed on with the answer. */
const LONGEST_WAIT_MS = 2_000;

/** The circuit opens when more than half of the last 20 calls failed, of 10 at the least: one bad instance of two is not enough. */
const CIRCUIT = { threshold: 0.5, size: 20, minimumNumberOfCalls: 10 };
/** After this long, in milliseconds, one call probes; each probe that fails doubles the wait, up to the second. */
const FIRST_PROBE_AFTER_MS = 1_000;
const LAST_PROBE_AFTER_MS = 30_000;

/** Calls at once: three instances keep within the 200 requests that one callee instance takes. */
const MAX_CALLS = 64;
/** Calls that wait for their turn: at some 10 ms a call, all have had it within a second; beyond, better wait outside. */
const MAX_WAITING = 1_000;

/** A call that is over need not be aborted: that alone costs as much as all policies together. */
const cooperative = { strategy: TimeoutStrategy.Cooperative, abortOnReturn: false };

/** The policies around calls to one service. Each is written down here and nowhere else. */
export interface Resilience {
  /** For what is safe to repeat. */
  readonly repeatable: IPolicy;
  /** For what must be sent once at the most. */
  readonly once: IPolicy;
}

export function createResilience(): Resilience {
  // Shared by all calls: they know how the service is.
  const circuit = circuitBreaker(handleWhenResult(isFailure), {
    breaker: new CountBreaker(CIRCUIT),
    halfOpenAfter: new ExponentialBackoff({ initialDelay: FIRST_PROBE_AFTER_MS, maxDelay: LAST_PROBE_AFTER_MS }),
  });
  const turns = bulkhead(MAX_CALLS, MAX_WAITING);
  const tries = retry(handleWhenResult(isWorthRepeating), {
    maxAttempts: MAX_RETRIES,
    backoff: new DelegateBackoff(waitBeforeNextTry),
  });
  const deadline = timeout(DEADLINE_MS, cooperative);
  const tryTimeout = timeout(TRY_TIMEOUT_MS, cooperative);
  return {
    repeatable: wrap(deadline, tries, turns, circuit, tryTimeout),
    once: wrap(turns, circuit, tryTimeout),
  };
}

/** The service's health: a refusal or a 429 comes from a service that is well. */
function isFailure(result: unknown): boolean {
  const outcome = result as ServiceOutcome;
  return outcome.kind === "no-response" || (outcome.kind === "response" && outcome.status >= 500);
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
