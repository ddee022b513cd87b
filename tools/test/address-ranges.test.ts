import { expect, it } from "vitest";
import {
  type AddressRange,
  contains,
  firstAddress,
  isInRanges,
  isPublic,
  overlap,
  parseAddressRange,
  rangeOf,
  readForbiddenAddress,
} from "../address-ranges.ts";

it.each([
  ["203.0.113.10", ["203.0.113.0/24"], true],
  ["203.0.113.10", ["198.51.100.0/24", "203.0.113.8/29"], true],
  ["203.0.113.10", ["0.0.0.0/0"], true],
  ["203.0.113.10", ["203.0.113.11/32"], false],
  ["203.0.113.10", [], false],
  ["203.0.113.10", ["::/0"], false],
  ["203.0.113.10", ["::ffff:0:0/96"], false],
  ["2001:db8::7", ["2001:db8::/32"], true],
  ["2001:DB8::7", ["2001:db8:0:0::7/128"], true],
  ["2001:db8::7", ["2001:db9::/32"], false],
  ["2001:db8::7", ["0.0.0.0/0"], false],
  ["::ffff:203.0.113.10", ["203.0.113.0/24"], false],
  ["fd00::a00:4", ["fd00::/8"], true],
  ["not an address", ["0.0.0.0/0", "::/0"], false],
  ["", ["0.0.0.0/0"], false],
])("%s in %j: %s", (address, ranges, isIn) => {
  expect(isInRanges(address, ranges)).toBe(isIn);
});

it.each([
  "203.0.113.10",
  "203.0.113.10/",
  "203.0.113.10/33",
  "203.0.113.10/032",
  "203.0.113.10/-1",
  "203.0.113.10/1e1",
  "203.0.113.10/24/8",
  " 203.0.113.10/32",
  "203.0.113.010/32",
  "2001:db8::/129",
  "[2001:db8::]/32",
  "fe80::1%eth0/64",
  "/0",
  "",
  "Any",
  "AzureCloud",
])("'%s' is no range, and contains nobody", (text) => {
  expect(parseAddressRange(text)).toBeUndefined();
  expect(isInRanges("203.0.113.10", [text])).toBe(false);
});

it("gives the range of one address alone", () => {
  expect([rangeOf("203.0.113.7"), rangeOf("2001:db8::7")]).toEqual(["203.0.113.7/32", "2001:db8::7/128"]);
});

it.each([
  ["203.0.113.7", "203.0.113.7"],
  ["[2001:db8::7]", "2001:db8::7"],
  ["2001:db8::7", "2001:db8::7"],
  ["203.0.113.7, 198.51.100.1", undefined],
  ["", undefined],
  [null, undefined],
  [undefined, undefined],
])("the refused address of x-ms-forbidden-ip: %s is %s", (header, address) => {
  expect(readForbiddenAddress(header)).toBe(address);
});

it.each([
  ["10.0.0.0/16", "10.0.0.0"],
  ["10.0.255.1/16", "10.0.0.0"],
  ["203.0.113.7/29", "203.0.113.0"],
  ["203.0.113.7/32", "203.0.113.7"],
  ["255.255.255.255/1", "128.0.0.0"],
  ["203.0.113.7/0", "0.0.0.0"],
  ["2001:db8::7/32", "2001:db8::7"],
])("the first address of %s is %s", (text, first) => {
  expect(firstAddress(rangeCalled(text))).toBe(first);
});

it.each([
  ["10.0.0.0/16", "10.0.1.0/24", true],
  ["10.0.1.0/24", "10.0.0.0/16", true],
  ["10.0.0.0/16", "10.1.0.0/16", false],
  ["10.0.0.0/8", "fd00::/8", false],
])("%s and %s have addresses in common: %s", (one, other, expected) => {
  expect(overlap(rangeCalled(one), rangeCalled(other))).toBe(expected);
});

it.each([
  ["203.0.113.0/24", true],
  ["2001:db8::/32", true],
  ["9.0.0.0/8", true],
  ["8.0.0.0/6", false],
  ["10.255.255.255/32", false],
  ["100.64.0.0/10", false],
  ["127.0.0.1/32", false],
  ["169.254.0.0/16", false],
  ["172.31.0.0/16", false],
  ["172.32.0.0/16", true],
  ["192.168.0.0/24", false],
  ["224.0.0.0/8", false],
  ["255.255.255.255/32", false],
  ["0.0.0.0/8", false],
  ["fd00::a00:4/128", false],
  ["fe80::/16", false],
  ["::ffff:203.0.113.0/120", false],
  ["64:ff9b::/96", false],
])("all addresses of %s are public: %s", (text, expected) => {
  expect(isPublic(rangeCalled(text))).toBe(expected);
});

function rangeCalled(text: string): AddressRange {
  const range = parseAddressRange(text);
  if (range === undefined) throw new Error(`${text} is no range.`);
  return range;
}

it.each([
  ["203.0.113.0/24", "203.0.113.128/28", true],
  ["203.0.113.0/24", "203.0.113.0/24", true],
  ["0.0.0.0/0", "203.0.113.0/24", true],
  ["2001:db8::/32", "2001:db8:1::/48", true],
  ["203.0.113.128/28", "203.0.113.0/24", false],
  ["203.0.113.0/24", "203.0.114.0/28", false],
  ["0.0.0.0/0", "2001:db8::/32", false],
  ["::/0", "203.0.113.0/24", false],
  ["any", "203.0.113.0/24", false],
  ["0.0.0.0/0", "AzureCloud", false],
  [undefined, undefined, false],
])("%s contains %s: %s", (range, other, expected) => {
  expect(contains(range, other)).toBe(expected);
});
