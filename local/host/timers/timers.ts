/** Runs timer functions on their schedules. */
import { setTimeout as delay } from "node:timers/promises";
import type { TimerFunction } from "../function-definitions.ts";
import type { Invoker } from "../invocations.ts";
import type { RpcTypedData } from "../worker/protocol.ts";
import { readStatus, resume, toIso, writeStatus, type TimerStatus } from "./status.ts";

/** Less than the 24.8 days that Node's timers take. */
const LONGEST_SLEEP_MS = 24 * 24 * 60 * 60 * 1000;

/**
 * Runs a timer function on its schedule until the signal: first a run that was missed while the host was down, or the run on
 * start-up. Computes the next tick when a run is over, so runs do not overlap, and the ticks during a long run become one.
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
  // Written before the first run, so that a host that is down at that time knows later that it missed a run.
  if (monitored) writeStatus(stateFolder, name, status);

  if (resumed.pastDue || timer.runOnStartup) await run(resumed.pastDue);
  while (await sleepUntil(status.next, signal)) await run(false);

  async function run(isCatchUp: boolean): Promise<void> {
    const startedAt = Date.now();
    const reason = `Timer fired at ${new Date(startedAt).toISOString()}`;
    await invoker.run({ definition: timer, input: timerInput(timer, status, isCatchUp), reason });
    status = { last: startedAt, next: schedule.nextAfter(startedAt), lastUpdated: startedAt };
    if (monitored) writeStatus(stateFolder, name, status);
  }
}

/** The input of one run. A run by the admin API gets the stored status, and is never past due. */
export function timerInput(timer: TimerFunction, status: TimerStatus | undefined, pastDue: boolean): RpcTypedData {
  const ScheduleStatus =
    timer.monitored && status !== undefined
      ? { Last: toIso(status.last), Next: toIso(status.next), LastUpdated: toIso(status.lastUpdated) }
      : null;
  return { json: JSON.stringify({ Schedule: { AdjustForDST: true }, ScheduleStatus, IsPastDue: pastDue }) };
}

/** @returns false when the signal came first */
async function sleepUntil(time: number, signal: AbortSignal): Promise<boolean> {
  // In a loop, because a timer can fire a little early by the wall clock.
  while (!signal.aborted && Date.now() < time) {
    await delay(Math.min(time - Date.now(), LONGEST_SLEEP_MS), undefined, { signal }).catch(() => undefined);
  }
  return !signal.aborted;
}
