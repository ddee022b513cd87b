import type { ChaosReceiver, ChaosSender } from "@restricted-calls/shared/contract-chaos";
import { expect, it } from "vitest";
import { businessOf } from "../business.ts";

const sends: ChaosSender = {
  messages: () => [],
  afterwards: () => expect.fail("not called"),
  outcomes: () => Promise.resolve([]),
};
const receives: ChaosReceiver = { read: () => Promise.resolve(undefined), failures: () => [] };

it("takes what the two services supply", () => {
  const supplied = { "caller-func": { chaos: { sends } }, "callee-func": { chaos: { receives } } };
  expect(businessOf(supplied)).toEqual({ sends, receives });
});

it.each([
  ["caller-func", "sends", { "callee-func": { chaos: { receives } } }],
  ["callee-func", "receives", { "caller-func": { chaos: { sends } } }],
  ["callee-func", "receives", { "caller-func": { chaos: { sends } }, "callee-func": { chaos: {} } }],
])("names what %s does not supply: %s", (service, member, supplied) => {
  expect(() => businessOf(supplied)).toThrow(`${service}/contract.ts has no "chaos.${member}"`);
});
