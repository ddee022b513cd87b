// The limits of a client.
import * as v from "valibot";

/** The limits of a client. */
export interface ServiceLimits {
  /** The deadline of a call with all its tries, in milliseconds: by default two full tries, and the rest for a third. */
  readonly deadlineMs: number;
  /** The timeout of a try, in milliseconds. A service responds in milliseconds, and in 4 s just after its start. */
  readonly tryTimeoutMs: number;
  /** Two more tries bridge the restart of an instance; for longer failures the caller waits. */
  readonly retries: number;
  /** Calls at once: three instances stay within the 200 requests that one instance of the service takes (`host.json`). */
  readonly calls: number;
  /** The largest response, in bytes. */
  readonly responseBytes: number;
}

export const defaultLimits: ServiceLimits = {
  deadlineMs: 15_000,
  tryTimeoutMs: 6_000,
  retries: 2,
  calls: 64,
  responseBytes: 1024 * 1024,
};

const whole = (least: number, most: number) =>
  v.exactOptional(v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most)));

/** Wide, but not without an end: each limit protects the app. */
export const limitsSchema = v.pipe(
  v.optional(
    v.strictObject({
      deadlineMs: whole(100, 300_000),
      tryTimeoutMs: whole(100, 300_000),
      retries: whole(0, 10),
      calls: whole(1, 10_000),
      responseBytes: whole(1, 100 * 1024 * 1024),
    }),
    {},
  ),
  v.description(
    "whole numbers: deadlineMs and tryTimeoutMs from 100 to 300000, retries to 10, calls to 10000, responseBytes to 104857600",
  ),
);
