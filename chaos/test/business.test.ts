import type { Policy } from "@restricted-calls/shared/access-policy";
import type { ChaosReceiver, ChaosSender } from "@restricted-calls/shared/contract-chaos";
import { expect, it } from "vitest";
import { businessOf } from "../business.ts";

const sends: ChaosSender = {
  messages: () => [],
  afterwards: () => expect.fail("not called"),
  outcomes: () => Promise.resolve([]),
};
const receives: ChaosReceiver = { read: () => Promise.resolve(undefined), failures: () => [] };

/** web-func may call all others; bill-func may call ship-func. */
const policy: Policy = {
  services: {
    "web-func": { subnet: 0, roles: {}, callers: {} },
    "bill-func": { subnet: 1, roles: {}, callers: { "web-func": [] } },
    "ship-func": { subnet: 2, roles: {}, callers: { "web-func": [], "bill-func": [] } },
  },
};

it("takes a service that sends, and one that it may call and that receives", () => {
  const supplied = { "bill-func": { chaos: { sends } }, "ship-func": { chaos: { receives } } };
  expect(businessOf(supplied, policy)).toEqual({
    services: { caller: "bill-func", callee: "ship-func" },
    sends,
    receives,
  });
});

it.each([
  ['no <service>/contract.ts has "chaos.sends"', { "ship-func": { chaos: { receives } } }],
  ['(ship-func), none has "chaos.receives"', { "bill-func": { chaos: { sends } } }],
  [
    '(ship-func), none has "chaos.receives"',
    { "bill-func": { chaos: { sends } }, "web-func": { chaos: { receives } } },
  ],
  ['(), none has "chaos.receives"', { "ship-func": { chaos: { sends, receives } } }],
])("says what no contract supplies: %s", (message, supplied) => {
  expect(() => businessOf(supplied, policy)).toThrow(message);
});
