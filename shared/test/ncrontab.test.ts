import { expect, test } from "vitest";
import { isNcrontab, parseNcrontab } from "../ncrontab.ts";

// What a field means is NCrontab's rule; the suite against the real Functions host compares the ticks themselves.
test.each([
  ["50-52", [50, 51, 52]],
  ["52-50", [50, 51, 52]],
  ["59-0/20", [0, 20, 40]],
  ["57-3/27,1", [1, 3, 30, 57]],
  ["50/4", [50, 54, 58]],
  ["*/25", [0, 25, 50]],
  ["*/90", [0]],
  ["30-32/0", [30, 31, 32]],
  ["7,3,7", [3, 7]],
])("the field %s matches %j", (field, values) => {
  expect(parseNcrontab(`${field} * * * * *`).seconds).toEqual(values);
});

test("names stand for months and days, by any beginning of theirs", () => {
  expect(parseNcrontab("0 0 0 * Feb-APRIL Mo,fri")).toMatchObject({ months: [2, 3, 4], daysOfWeek: [1, 5] });
});

test("five fields mean second 0", () => {
  expect(parseNcrontab("*/30 * * * *")).toMatchObject({ seconds: [0], minutes: [0, 30] });
});

test.each([
  ["* * * * * ?", /"\?" is not allowed in the field day of week/],
  ["0 0 0 L * *", /"L" is not allowed in the field day, which takes 1 to 31/],
  ["0 0 0 15W * *", /"15W" is not allowed/],
  ["0 0 0 * * 5#2", /"5#2" is not allowed/],
  ["0 0 0 * * 7", /"7" is not allowed in the field day of week, which takes 0 to 6/],
  ["60 * * * * *", /"60" is not allowed in the field second/],
  ["10-60 * * * * *", /"60" is not allowed in the field second/],
  ["0 0 24 * * *", /"24" is not allowed in the field hour/],
  ["0 0 0 0 * *", /"0" is not allowed in the field day/],
  ["0 0 0 * Foo *", /"Foo" is not allowed in the field month/],
  ["0 1, * * * *", /"" is not allowed/],
  ["0 *-5 * * * *", /"\*-5" is not allowed/],
  ["0 5- * * * *", /"5-" is not allowed/],
  ["@daily", /six fields/],
  ["* * * *", /six fields/],
  ["0 0 0 1 1 * 2026", /six fields/],
  ["", /six fields/],
])("refuses %j", (expression, message) => {
  expect(() => parseNcrontab(expression)).toThrow(message);
  expect(isNcrontab(expression)).toBe(false);
});
