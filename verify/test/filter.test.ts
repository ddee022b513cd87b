/** The filter of `--only`. */
import { expect, it } from "vitest";
import { matcherOf } from "../model/filter.ts";

const id = "both/get-record/internet/granted";

it.each([null, id, "both", "both/", "both/get-record", "*/*/internet", "both/get-*/*/granted", "BOTH/Get-Record"])(
  "matches a call by: %s",
  (pattern) => {
    expect(matcherOf(pattern)(id)).toBe(true);
  },
);

it.each([
  "",
  "bot",
  "get-record",
  "both/get",
  "both/get-record/internet/granted/more",
  "*/internet",
  "both/get.record",
  "(",
  "[a-z]*",
])("does not match a call by: %s", (pattern) => {
  expect(matcherOf(pattern)(id)).toBe(false);
});
