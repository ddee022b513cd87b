/** The place of the probe's subnet. */
import { expect, it } from "vitest";
import { freeRange } from "../deployed/probe/free-range.ts";

it.each([
  ["the last one", ["10.0.0.0/16"], [], "10.0.255.240/28"],
  ["the one below a subnet at the end", ["10.0.0.0/16"], ["10.0.255.0/24"], "10.0.254.240/28"],
  ["below a smaller one, and beside no part of it", ["10.0.0.0/24"], ["10.0.0.248/29"], "10.0.0.224/28"],
  ["a gap", ["10.0.0.0/26"], ["10.0.0.0/28", "10.0.0.32/27"], "10.0.0.16/28"],
  ["the whole of a small range", ["192.168.1.32/28"], [], "192.168.1.32/28"],
  ["one of a second range", ["10.0.0.0/24", "172.16.0.0/24"], ["10.0.0.0/24"], "172.16.0.240/28"],
  ["one at the end of all addresses", ["255.255.255.0/24"], [], "255.255.255.240/28"],
  ["none in a full range", ["10.0.0.0/24"], ["10.0.0.0/25", "10.0.0.128/25"], undefined],
  ["none in a smaller range", ["10.0.0.0/29"], [], undefined],
  ["none of IPv6", ["fd12::/48"], [], undefined],
])("is %s", (_what, addressSpace, taken, range) => {
  expect(freeRange(addressSpace, taken)).toBe(range);
});

it("is not chosen beside a range that is not understood", () => {
  expect(() => freeRange(["10.0.0.0/16"], ["10.0.1.0-10.0.2.0"])).toThrow(
    "'10.0.1.0-10.0.2.0', which is no address range",
  );
});
