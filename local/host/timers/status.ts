import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { TimerSchedule } from "./schedule.ts";
import { writeFileSync } from "../../../tools/write-file.ts";

/** When a timer ran and will run; milliseconds since the epoch, null for never. */
export interface TimerStatus {
  readonly last: number | null;
  readonly next: number;
  /** The time from which `next` was worked out. */
  readonly lastUpdated: number | null;
}

/** What was stored for the timer, or undefined when there is nothing, or nothing that makes sense. */
export function readStatus(folder: string, name: string): TimerStatus | undefined {
  try {
    const stored = JSON.parse(readFileSync(statusFile(folder, name), "utf8")) as Record<
      keyof TimerStatus,
      string | null
    >;
    const [last, next, lastUpdated] = [stored.last, stored.next, stored.lastUpdated].map((text) =>
      text === null ? null : Date.parse(text),
    );
    return typeof next === "number" && next >= 0
      ? { last: last ?? null, next, lastUpdated: lastUpdated ?? null }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Stores the timer's status; a half-written file is never seen. */
export function writeStatus(folder: string, name: string, status: TimerStatus): void {
  const file = statusFile(folder, name);
  const text = Object.entries(status).map(([key, time]: [string, number | null]) => [
    key,
    time === null ? null : toIso(time),
  ]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${file}.new`, `${JSON.stringify(Object.fromEntries(text), null, 2)}\n`);
  renameSync(`${file}.new`, file);
}

/**
 * Where a timer takes up again, and whether a run was missed while the host was down. A schedule that changed meanwhile
 * is not held against the timer: what the old one would have missed is forgotten.
 */
export function resume(
  stored: TimerStatus | undefined,
  schedule: TimerSchedule,
  now: number,
): { readonly status: TimerStatus; readonly pastDue: boolean } {
  const from = stored?.last ?? stored?.lastUpdated ?? now;
  const expected = schedule.nextAfter(from);
  if (stored?.next === expected) return { status: stored, pastDue: now > expected };
  const lastUpdated = expected < now ? now : from;
  return { status: { last: null, next: schedule.nextAfter(lastUpdated), lastUpdated }, pastDue: false };
}

/** As the worker and the status file get times; "never" is .NET's first day. */
export function toIso(time: number | null): string {
  return time === null ? "0001-01-01T00:00:00+00:00" : new Date(time).toISOString().replace("Z", "+00:00");
}

function statusFile(folder: string, name: string): string {
  return join(folder, `${name}.timer.json`);
}
