import { describe, expect, it } from "vitest";
import { parseTimeSpan } from "../host/host-json.ts";
import { parseSchedule } from "../host/timers/schedule.ts";

/** The next occurrences after Wednesday, 2026-01-14 10:20:30 UTC. */
function next(expression: string, count = 1): readonly string[] {
  const schedule = parseSchedule(expression);
  const times: string[] = [];
  for (let time = Date.UTC(2026, 0, 14, 10, 20, 30); times.length < count;) {
    time = schedule.nextAfter(time);
    times.push(new Date(time).toISOString().replace(".000Z", ""));
  }
  return times;
}

describe("a timer's schedule", () => {
  it.each([
    ["*/15 * * * * *", ["2026-01-14T10:20:45", "2026-01-14T10:21:00"]],
    ["0 */5 * * * *", ["2026-01-14T10:25:00", "2026-01-14T10:30:00"]],
    ["30 20 10 * * *", ["2026-01-15T10:20:30", "2026-01-16T10:20:30"]],
    ["0 0 9-17/4 * * *", ["2026-01-14T13:00:00", "2026-01-14T17:00:00", "2026-01-15T09:00:00"]],
    ["0 17-9/4 * * * *", ["2026-01-14T11:09:00", "2026-01-14T11:13:00"]],
    ["0 50/5 * * * *", ["2026-01-14T10:50:00", "2026-01-14T10:55:00", "2026-01-14T11:50:00"]],
    ["0 0 0 * * Mon", ["2026-01-19T00:00:00", "2026-01-26T00:00:00"]],
    ["0 0 0 1,15 Feb-MARCH *", ["2026-02-01T00:00:00", "2026-02-15T00:00:00", "2026-03-01T00:00:00"]],
    ["0 0 0 * * 1-5", ["2026-01-15T00:00:00", "2026-01-16T00:00:00", "2026-01-19T00:00:00"]],
    ["59 59 23 31 12 *", ["2026-12-31T23:59:59", "2027-12-31T23:59:59"]],
    ["0 0 0 29 2 Sun", ["2032-02-29T00:00:00", "2060-02-29T00:00:00"]],
    ["50-48 20-19 * * * *", ["2026-01-14T10:20:48", "2026-01-14T10:20:49"]],
    ["30,31 20 10 14 1 *", ["2026-01-14T10:20:31", "2027-01-14T10:20:30"]],
    ["*/90 * * * * *", ["2026-01-14T10:21:00", "2026-01-14T10:22:00"]],
  ])("%s fires at the times NCRONTAB says", (expression, times) => {
    expect(next(expression, times.length)).toEqual(times);
  });

  it("takes five fields, without seconds", () => {
    expect(next("*/5 * * * *")).toEqual(["2026-01-14T10:25:00"]);
  });

  it("wants day and day of week both to match", () => {
    expect(next("0 0 0 13 * 5", 2)).toEqual(["2026-02-13T00:00:00", "2026-03-13T00:00:00"]);
  });

  it.each([
    ["0 0 0 L * *", /"L" is not allowed in the field day, which takes 1 to 31/],
    ["0 0 0 31 2 *", /no date ever matches/],
    ["00:00:30", /^an interval is not supported by the embedded host: use --host func$/],
    ["1.00:00:00", /an interval/],
    ["", /six fields/],
  ])("refuses %j", (expression, message) => {
    expect(() => parseSchedule(expression)).toThrow(message);
  });

  it.each([
    ["*/10 * * * * *", false],
    ["* * * * * *", false],
    ["0,30 */1 0-23 * * *", false],
    ["0 * * * * *", true],
    ["*/10 5 * * * *", true],
  ])("of %s is monitored: %s (not when it can fire more than once a minute)", (expression, monitored) => {
    expect(parseSchedule(expression).monitored).toBe(monitored);
  });
});

describe("a TimeSpan", () => {
  it.each([
    ["00:05:00", 300_000],
    ["1.00:00:01.5", 86_401_500],
    ["10:30", 37_800_000],
    ["24:00:00", undefined],
    ["00:60:00", undefined],
    ["5", undefined],
    ["-1", undefined],
  ])("%s is %s ms", (text, milliseconds) => {
    expect(parseTimeSpan(text)).toBe(milliseconds);
  });
});
