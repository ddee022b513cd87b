import { expect, test } from "vitest";
import {
  apiNames,
  calleesOf,
  callerNames,
  externalCallersOf,
  firstCall,
  isApi,
  isCaller,
  lastSubnet,
  type Policy,
  settingPrefix,
} from "../access-policy.ts";

const role = { id: "", description: "" };
const policy: Policy = {
  services: {
    "web-func": { subnet: 0, roles: {}, callers: {} },
    "bill-func": { subnet: 7, roles: { "Bill.Send": role }, callers: { "web-func": ["Bill.Send"] } },
    "ship-func": { subnet: 2, roles: { "Ship.Send": role }, callers: { "bill-func": ["Ship.Send"], "web-func": [] } },
  },
};

test("an access policy tells who may call whom", () => {
  expect(apiNames(policy)).toEqual(["bill-func", "ship-func"]);
  expect(callerNames(policy)).toEqual(["web-func", "bill-func"]);
  expect(calleesOf(policy, "web-func")).toEqual(["bill-func", "ship-func"]);
  expect(calleesOf(policy, "ship-func")).toEqual([]);
  expect(lastSubnet(policy)).toBe(7);
});

test("external callers are no services: they call, and are not called", () => {
  const jobs = { clientId: "1", objectId: "2", subnet: "/subnets/jobs" };
  const { "bill-func": bill, ...others } = policy.services;
  const services = { "bill-func": { ...bill, callers: { jobs: ["Bill.Send"], "web-func": ["Bill.Send"] } }, ...others };
  const withJobs = { services, externalCallers: { jobs, idle: jobs } } as Policy;
  expect(callerNames(withJobs).sort()).toEqual(["bill-func", "web-func"]);
  expect(calleesOf(withJobs, "jobs")).toEqual(["bill-func"]);
  expect(externalCallersOf(withJobs, "bill-func")).toEqual({ jobs });
  expect(externalCallersOf(withJobs, "ship-func")).toEqual({});
  expect(externalCallersOf(withJobs, "nobody-func")).toEqual({});
  expect(externalCallersOf(policy, "bill-func")).toEqual({});
  expect(firstCall(withJobs)).toEqual({ caller: "web-func", callee: "bill-func" });
});

test("its first call is of the first service with callers, by the first of these", () => {
  expect(firstCall(policy)).toEqual({ caller: "web-func", callee: "bill-func" });
  const { "web-func": web, "ship-func": ship } = policy.services;
  expect(firstCall({ services: { ...(web && { "web-func": web }), ...(ship && { "ship-func": ship }) } })).toEqual({
    caller: "bill-func",
    callee: "ship-func",
  });
  expect(firstCall({ services: { ...(web && { "web-func": web }) } })).toBeUndefined();
});

test.each(["nobody-func", "constructor", "toString"])("%s is no service of it", (name) => {
  expect([isApi(policy, name), isCaller(policy, name)]).toEqual([false, false]);
});

test.each([
  ["callee-func", "CALLEE"],
  ["ledger-functions", "LEDGER_FUNCTIONS"],
  ["pay-func-eu", "PAY_FUNC_EU"],
])("the settings for calls to %s begin with %s", (service, prefix) => {
  expect(settingPrefix(service)).toBe(prefix);
});
