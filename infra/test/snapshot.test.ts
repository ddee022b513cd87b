import { describe, expect, it } from "vitest";
import { accessRestrictionsOf, readSnapshot, subnetIdOf } from "../snapshot.ts";

describe("a snapshot", () => {
  const snapshot = readSnapshot("default");

  it("gives a service's access restrictions, with literal subnet ids", () => {
    const rule = {
      name: "caller-func",
      description: "Only the subnet of caller-func",
      action: "Allow",
      priority: expect.any(Number) as number,
      vnetSubnetResourceId: subnetIdOf(snapshot, "caller-func"),
    };
    expect(accessRestrictionsOf(snapshot, "callee-func")).toEqual({
      ipSecurityRestrictions: expect.arrayContaining([rule]) as object[],
      ipSecurityRestrictionsDefaultAction: "Deny",
      publicNetworkAccess: "Enabled",
    });
    expect(subnetIdOf(snapshot, "caller-func")).toMatch(/^\/subscriptions\/[0-9a-f-]{36}\/.*\/subnets\/caller-func$/);
  });

  it("says so where it has no such service", () => {
    expect(() => accessRestrictionsOf(snapshot, "other-func")).toThrow(/no site for the service other-func/);
    expect(() => subnetIdOf(snapshot, "other-func")).toThrow(/no integration subnet for the service other-func/);
  });
});
