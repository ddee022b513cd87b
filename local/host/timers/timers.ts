import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { TimerFunction } from "../function-definitions.ts";
import type { Invoker } from "../invocations.ts";
import type { RpcException, RpcRetryOptions, RpcTypedData } from "../worker/protocol.ts";
import { readStatus, resume, toIso, writeStatus, type TimerStatus } from "./status.ts";

/** Node's timers take at most some 24.8 days. */
const LONGEST_SLEEP = 24 * 24 * 60 * 60 * 1000;

/**
 * Runs a timer function on its schedule until the signal: first the run that was missed while the host was down, or the
 * one on start-up, then tick by tick. The next tick is only looked at when a run is over, so runs never overlap, and
 * ticks that pass during a long run become one, right after it.
 *
 * @returns a promise that resolves when the last run has ended after the signal
 */
export async function runTimer(
  timer: TimerFunction,
  invoker: Invoker,
  stateFolder: string,
  signal: AbortSignal,
): Promise<void> {
  const { name, schedule, monitored } = timer;
  const resumed = resume(monitored ? readStatus(stateFolder, name) : undefined, schedule, Date.now());
  let { status } = resumed;
  // Written before the first run too: should the host be down at that time, the run is missed, and known to be.
  if (monitored) writeStatus(stateFolder, name, status);

  if (resumed.pastDue || timer.runOnStartup) await run(resumed.pastDue);
  while (await sleepUntil(status.next, signal)) await run(false);

  async function run(isCatchUp: boolean): Promise<void> {
    const startedAt = Date.now();
    await runWithRetries(timer, invoker, timerInput(timer, status, isCatchUp), signal);
    status = { last: startedAt, next: schedule.nextAfter(startedAt), lastUpdated: startedAt };
    if (monitored) writeStatus(stateFolder, name, status);
  }
}

/** What the function gets for one run; for a run by the admin API the stored status, never past due. */
export function timerInput(timer: TimerFunction, status: TimerStatus | undefined, pastDue: boolean): RpcTypedData {
  const ScheduleStatus =
    timer.monitored && status !== undefined
      ? { Last: toIso(status.last), Next: toIso(status.next), LastUpdated: toIso(status.lastUpdated) }
      : null;
  const Schedule = { AdjustForDST: timer.schedule.adjustForDst };
  return { json: JSON.stringify({ Schedule, ScheduleStatus, IsPastDue: pastDue }) };
}

async function runWithRetries(
  timer: TimerFunction,
  invoker: Invoker,
  input: RpcTypedData,
  signal: AbortSignal,
): Promise<void> {
  const { retry } = timer;
  const invocationId = randomUUID();
  const reason = `Timer fired at ${new Date().toISOString()}`;
  let exception: RpcException | undefined;
  for (let retryCount = 0; ; retryCount += 1) {
    const retryContext = retry && {
      retryCount,
      maxRetryCount: retry.maxRetryCount,
      ...(exception === undefined ? {} : { exception }),
    };
    const context = retryContext === undefined ? {} : { retryContext };
    const { result } = await invoker.run({ definition: timer, input, reason, invocationId, ...context });
    const isLast = retry === undefined || (retry.maxRetryCount !== -1 && retryCount >= retry.maxRetryCount);
    if (result.status === "success" || isLast) return;
    exception = result.exception;
    if (!(await sleepUntil(Date.now() + retryDelay(retry, retryCount), signal))) return;
  }
}

/** Milliseconds until the next attempt. */
function retryDelay(retry: RpcRetryOptions, retryCount: number): number {
  if (retry.retryStrategy === "fixedDelay") return (retry.delayInterval?.seconds ?? 0) * 1000;
  const [least, most] = [retry.minimumInterval?.seconds ?? 0, retry.maximumInterval?.seconds ?? Infinity];
  return Math.min(least * 2 ** retryCount, most) * 1000;
}

/** @returns false when the signal came first */
async function sleepUntil(time: number, signal: AbortSignal): Promise<boolean> {
  // In a loop, because a timer can fire a little early by the wall clock.
  while (!signal.aborted && Date.now() < time) {
    await delay(Math.min(time - Date.now(), LONGEST_SLEEP), undefined, { signal }).catch(() => undefined);
  }
  return !signal.aborted;
}
