import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accessRestrictionsOf, readSnapshot, siteOf, snapshotNames } from "../../infra/snapshot.ts";
import { decideAccess, parseAccessRestrictions } from "../front-end/access-restrictions.ts";
import { networkOf, subnetOf } from "../front-end/networks.ts";

const [callerSubnet, otherSubnet, internet] = [subnetOf("caller-func"), subnetOf("callee-func"), networkOf(null)];
const callerRule = {
  name: "caller-func",
  action: "Allow",
  priority: 100,
  vnetSubnetResourceId: callerSubnet.vnetSubnetResourceId,
};

const decide = (rules: readonly object[], source: Parameters<typeof decideAccess>[1], defaultAction?: string) =>
  decideAccess(
    parseAccessRestrictions({
      ipSecurityRestrictions: rules,
      ...(defaultAction && { ipSecurityRestrictionsDefaultAction: defaultAction }),
    }),
    source,
  );
const rule = (changes: object) => ({ name: "rule", action: "Allow", priority: 100, ...changes });

describe.each(snapshotNames)("the rules as evaluated from Bicep (%s)", (name) => {
  const snapshot = readSnapshot(name);
  const evaluated = parseAccessRestrictions(accessRestrictionsOf(snapshot, "callee-func"));

  it.each([otherSubnet, internet])("refuse another subnet and the internet", (source) => {
    expect(decideAccess(evaluated, source)).toEqual({ action: "Deny", rule: "unmatched rule" });
  });

  it("let the caller's subnet in", () => {
    const { virtualNetworkSubnetId: vnetSubnetResourceId = "" } = siteOf(snapshot, "caller-func")?.properties ?? {};
    const source = { ...callerSubnet, vnetSubnetResourceId };
    expect(decideAccess(evaluated, source)).toEqual({ action: "Allow", rule: "caller-func" });
  });
});

describe("refuses to evaluate", () => {
  const subnet = callerSubnet.vnetSubnetResourceId;
  it.each<[what: string, unfit: object]>([
    ["a service tag", { ...callerRule, vnetSubnetResourceId: undefined, ipAddress: "AzureCloud", tag: "ServiceTag" }],
    ["an X-Forwarded-For proxy rule", { ...callerRule, tag: "XffProxy" }],
    ["an HTTP header filter", { ...callerRule, headers: { "x-azure-fdid": ["id"] } }],
    ["a subnet mask", { ...callerRule, subnetMask: "255.255.255.0" }],
    ["a rule without a condition", { ...callerRule, vnetSubnetResourceId: undefined }],
    ["a rule with two conditions", { ...callerRule, ipAddress: "203.0.113.0/24" }],
    ["a rule without a name", { ...callerRule, name: undefined }],
    ["a rule without an action", { ...callerRule, action: undefined }],
    ["an unknown action", { ...callerRule, action: "allow" }],
    ["a rule without a priority", { ...callerRule, priority: undefined }],
    ["a priority that is no integer", { ...callerRule, priority: 1.5 }],
    ["a subnet name in place of its id", { ...callerRule, vnetSubnetResourceId: "caller-func" }],
    ["an unresolved expression in place of an id", { ...callerRule, vnetSubnetResourceId: `[reference('${subnet}')]` }],
    ...[
      "203.0.113.10",
      "203.0.113.0/33",
      "2001:db8::/129",
      "203.0.113.0/",
      "203.0.113.0/24/8",
      "/24",
      "",
      "any",
      "*",
    ].map((ipAddress) => [`the address "${ipAddress}"`, rule({ ipAddress })] satisfies [string, object]),
    ["nine ranges", rule({ ipAddress: Array<string>(9).fill("203.0.113.0/24").join() })],
    ["one bad range among good ones", rule({ ipAddress: "203.0.113.0/24,nonsense" })],
  ])("%s", (_, unfit) => {
    expect(() => parseAccessRestrictions({ ipSecurityRestrictions: [callerRule, unfit] })).toThrow(
      /ipSecurityRestrictions\.1/,
    );
  });

  it.each([
    ["no object", "Deny"],
    ["null", null],
    ["an object without a list of rules", { ipSecurityRestrictionsDefaultAction: "Deny" }],
    ["an unknown default action", { ipSecurityRestrictions: [], ipSecurityRestrictionsDefaultAction: "deny" }],
    ["an app that is not public at all", { ipSecurityRestrictions: [callerRule], publicNetworkAccess: "Disabled" }],
  ])("%s", (_, siteConfig) => {
    expect(() => parseAccessRestrictions(siteConfig)).toThrow(/cannot evaluate faithfully/);
  });
});

describe("decideAccess", () => {
  it("denies by a rule of a lower number before one that would allow", () => {
    const rules = [rule({ ipAddress: "Any" }), rule({ name: "first", action: "Deny", priority: 99, ipAddress: "Any" })];
    expect(decide(rules, internet)).toEqual({ action: "Deny", rule: "first" });
  });

  it("takes rules of equal priority in the order in which they are listed", () => {
    const rules = [rule({ name: "first", action: "Deny", ipAddress: "Any" }), rule({ ipAddress: "Any" })];
    expect(decide(rules, internet)).toEqual({ action: "Deny", rule: "first" });
  });

  it("without a default action, denies when there is a rule", () => {
    expect(decide([callerRule], internet).action).toBe("Deny");
  });

  it("without a default action, allows when there is no rule", () => {
    expect(decide([], internet).action).toBe("Allow");
  });

  it("takes the default action, whatever rules there are", () => {
    expect(decide([], internet, "Deny").action).toBe("Deny");
    expect(decide([callerRule], internet, "Allow").action).toBe("Allow");
  });

  it("compares resource ids without regard to case, and whole", () => {
    const id = callerSubnet.vnetSubnetResourceId;
    expect(decide([rule({ vnetSubnetResourceId: id.toUpperCase() })], callerSubnet).action).toBe("Allow");
    expect(decide([rule({ vnetSubnetResourceId: `${id}2` })], callerSubnet).action).toBe("Deny");
    expect(decide([rule({ vnetSubnetResourceId: id.slice(0, -1) })], callerSubnet).action).toBe("Deny");
  });

  it("does not take an address for a subnet", () => {
    expect(decide([callerRule], { address: callerSubnet.address }).action).toBe("Deny");
  });

  it.each([
    ["203.0.113.0/24", true],
    ["203.0.113.10/32", true],
    ["203.0.113.8/29,198.51.100.0/24", true],
    ["198.51.100.0/24,203.0.113.8/29", true],
    ["0.0.0.0/0", true],
    ["Any", true],
    ["203.0.113.11/32", false],
    ["203.0.114.0/24", false],
    ["::/0", false],
    ["AnyVnets", false],
  ])("internet address 203.0.113.10, rule %s: %s", (ipAddress, allowed) => {
    expect(decide([rule({ ipAddress })], internet).action).toBe(allowed ? "Allow" : "Deny");
  });

  it.each([
    ["fd00::/8", true],
    ["AnyVnets", true],
    ["Any", true],
    ["0.0.0.0/0", false], // the front end sees an IPv6 address
    ["10.0.0.0/8", false], // and never the private address in the virtual network
    ["fd01::/16", false],
  ])("traffic through a service endpoint, rule %s: %s", (ipAddress, allowed) => {
    expect(decide([rule({ ipAddress })], callerSubnet).action).toBe(allowed ? "Allow" : "Deny");
  });

  it("agrees with a naive reading of the documentation", () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 8 }), anyDefault, anySource, (rules, defaultAction, source) => {
        expect(decide(rules, source, defaultAction).action).toBe(naively(rules, defaultAction, source));
      }),
      { numRuns: 2_000 },
    );
  });
});

interface PlainRule {
  name: string;
  action: "Allow" | "Deny";
  priority: number;
  ipAddress?: string;
  vnetSubnetResourceId?: string;
}

const octets = fc.tuple(fc.constantFrom(10, 203), fc.constantFrom(0, 1), fc.nat(3), fc.nat(255));
const anyCondition = fc.oneof(
  fc.constantFrom({ ipAddress: "Any" }, { ipAddress: "AnyVnets" }),
  fc
    .array(fc.tuple(octets, fc.integer({ min: 0, max: 32 })), { minLength: 1, maxLength: 8 })
    .map((ranges) => ({ ipAddress: ranges.map(([bytes, prefix]) => `${bytes.join(".")}/${prefix}`).join(",") })),
  fc.constantFrom(callerSubnet, otherSubnet).map(({ vnetSubnetResourceId }) => ({ vnetSubnetResourceId })),
);
const anyRule: fc.Arbitrary<PlainRule> = fc
  .tuple(fc.constantFrom("Allow", "Deny"), fc.integer({ min: 1, max: 4 }), anyCondition)
  .map(([action, priority, condition]) => ({ name: "rule", action, priority, ...condition }));
const anyDefault = fc.constantFrom("Allow", "Deny", undefined);
const anySource = fc.oneof(
  octets.map((bytes) => ({ address: bytes.join(".") })),
  fc.constantFrom(callerSubnet, otherSubnet),
);

function naively(rules: PlainRule[], defaultAction: string | undefined, source: Parameters<typeof decideAccess>[1]) {
  for (let priority = 1; priority <= 4; priority++) {
    for (const each of rules) if (each.priority === priority && applies(each, source)) return each.action;
  }
  return defaultAction ?? (rules.length > 0 ? "Deny" : "Allow");
}

function applies(each: PlainRule, source: Parameters<typeof decideAccess>[1]): boolean {
  if (each.vnetSubnetResourceId) return each.vnetSubnetResourceId === source.vnetSubnetResourceId;
  if (each.ipAddress === "Any") return true;
  if (each.ipAddress === "AnyVnets") return "vnetSubnetResourceId" in source;
  if (source.address.includes(":")) return false;
  return (each.ipAddress ?? "").split(",").some((range) => {
    const [network = "", prefix] = range.split("/");
    const length = Number(prefix);
    return bits(network).slice(0, length) === bits(source.address).slice(0, length);
  });
}

const bits = (address: string) =>
  address
    .split(".")
    .map((octet) => Number(octet).toString(2).padStart(8, "0"))
    .join("");
