/** The filter of `--only`. */
import { expect, it } from "vitest";
import { matcherOf } from "../model/filter.ts";

const id = "both/get-stock/internet/granted";

it.each([null, id, "both", "both/", "both/get-stock", "*/*/internet", "both/get-*/*/granted", "BOTH/Get-Stock"])(
  "matches a call by: %s",
  (pattern) => {
    expect(matcherOf(pattern)(id)).toBe(true);
  },
);

it.each([
  "",
  "bot",
  "get-stock",
  "both/get",
  "both/get-stock/internet/granted/more",
  "*/internet",
  "both/get.stock",
  "(",
  "[a-z]*",
])("does not match a call by: %s", (pattern) => {
  expect(matcherOf(pattern)(id)).toBe(false);
});
