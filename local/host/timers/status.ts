/** The status of a timer on disk: when it ran and will run. */
import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { TimerSchedule } from "./schedule.ts";
import { writeFileSync } from "../../../tools/write-file.ts";

/** Milliseconds since the epoch; null for never. */
export interface TimerStatus {
  readonly last: number | null;
  readonly next: number;
  /** The time from which `next` was computed. */
  readonly lastUpdated: number | null;
}

/** The stored status; undefined where there is none, or a damaged one. */
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

/** Stores the status atomically. */
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
 * The status of a timer at the start of the host, and whether it missed a run while the host was down. Runs by an older
 * schedule do not count as missed.
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

/** A time for the worker and the status file; null becomes the first day of .NET. */
export function toIso(time: number | null): string {
  return time === null ? "0001-01-01T00:00:00+00:00" : new Date(time).toISOString().replace("Z", "+00:00");
}

function statusFile(folder: string, name: string): string {
  return join(folder, `${name}.timer.json`);
}
