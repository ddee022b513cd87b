import "../../tools/testing/example-system.ts";
import { describe, expect, it } from "vitest";
import { accessRestrictionsOf, readSnapshot, siteOf, snapshotNames } from "../../infra/snapshot.ts";
import { decideAccess, parseAccessRestrictions } from "../front-end/access-restrictions.ts";
import { networkOf } from "../front-end/networks.ts";

describe.each(snapshotNames)("the rules of a service with external callers, as evaluated from Bicep (%s)", (name) => {
  const rules = accessRestrictionsOf(readSnapshot(name), "callee-func");
  const restrictions = parseAccessRestrictions(rules);
  const batchJobs = networkOf("batch-jobs");

  it.each(["batch-jobs", "partner-gateway"])("let in the network of %s", (caller) => {
    expect(decideAccess(restrictions, networkOf(caller))).toEqual({ action: "Allow", rule: caller });
  });

  it.each([
    [
      "another subnet of the same network",
      { ...batchJobs, vnetSubnetResourceId: `${batchJobs.vnetSubnetResourceId ?? ""}-2` },
    ],
    ["the subnet's address, without its service endpoint", { address: batchJobs.address }],
    ["an address beside the ranges", { address: "203.0.113.127" }],
    ["an address after them", { address: "203.0.113.144" }],
    ["an IPv6 address beside them", { address: "3fff:b::1" }],
    ["a subnet without a rule", networkOf("callee-func")],
    ["the internet", networkOf(null)],
  ])("refuse %s", (_, source) => {
    expect(decideAccess(restrictions, source)).toEqual({ action: "Deny", rule: "unmatched rule" });
  });

  it("name no external caller on the SCM site, nor on a service that none may call", () => {
    const { scmIpSecurityRestrictions } = siteOf(readSnapshot(name), "callee-func")?.properties?.siteConfig ?? {};
    for (const source of [batchJobs, networkOf("partner-gateway")]) {
      const scm = parseAccessRestrictions({ ipSecurityRestrictions: scmIpSecurityRestrictions });
      expect(decideAccess(scm, source).action).toBe("Deny");
      const entry = parseAccessRestrictions(accessRestrictionsOf(readSnapshot(name), "caller-func"));
      expect(decideAccess(entry, source).action).toBe("Deny");
    }
  });
});

describe("the networks of external callers", () => {
  it("are a subnet, or the first address of the first range", () => {
    expect(networkOf("batch-jobs").vnetSubnetResourceId).toMatch(/\/vnet-cluster\/subnets\/snet-nodes$/);
    expect(networkOf("partner-gateway")).toEqual({ address: "203.0.113.128" });
  });
});
