/** Differences that a comparison could take for harmless: each opens something, or is not understood. */
import "../../tools/testing/example-system.ts";
import { describe, expect, it } from "vitest";
import { readSnapshot, type Resource, type Snapshot } from "../../infra/snapshot.ts";
import { digestOf, hashOf } from "../diff/finding.ts";
import { compareTemplates, type Templates } from "../diff/templates.ts";
import { policy } from "../model/policy.ts";

type Properties = Record<string, unknown>;

/** A resource of a type, with other properties. */
function resource(type: string, properties: Properties): Resource {
  return { type, id: `/${type}/example`, name: "example", properties };
}

function found(before: readonly Resource[], after: readonly Resource[]) {
  const withOnly = (resources: readonly Resource[]): Templates => ({
    policy,
    snapshots: { one: { predictedResources: [...resources] } },
  });
  return compareTemplates(withOnly(before), withOnly(after));
}
const wordsOf = (...states: Parameters<typeof found>): string[] => found(...states).map(({ word }) => word);

const SITE = "Microsoft.Web/sites";
const SUBNET = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/virtualNetworks/z/subnets/a";
const restricted = (...rules: readonly unknown[]): Resource[] => [
  resource(SITE, { siteConfig: { ipSecurityRestrictions: rules } }),
];
const fromSubnet = { action: "Allow", priority: 100, vnetSubnetResourceId: SUBNET };
const fromRange = { action: "Allow", priority: 200, ipAddress: "192.0.2.0/28" };

const SECURITY_GROUP = "Microsoft.Network/networkSecurityGroups";
const secured = (...rules: readonly unknown[]): Resource[] => [resource(SECURITY_GROUP, { securityRules: rules })];
const refused = {
  ...{ access: "Deny", priority: 4096, direction: "Outbound", protocol: "*" },
  ...{ sourceAddressPrefix: "*", sourcePortRange: "*", destinationAddressPrefix: "*", destinationPortRange: "*" },
};

const withSetting = (value: string): Resource[] => [
  resource(SITE, { siteConfig: { appSettings: [{ name: "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", value }] } }),
];

describe("an access restriction", () => {
  it.each([
    ["with an address beside its subnet", { ...fromSubnet, ipAddress: "0.0.0.0/0" }],
    ["without an origin", { action: "Allow", priority: 100 }],
    ["with an action in another case", { ...fromSubnet, action: "deny" }],
    ["with an expression as its action", { ...fromSubnet, action: "[parameters('action')]" }],
    ["with an expression as its priority", { ...fromSubnet, priority: "[parameters('priority')]" }],
    ["with a priority that is no integer", { ...fromSubnet, priority: 1.5 }],
  ])("%s is not understood", (_what, rule) => {
    const before = restricted(fromSubnet, fromRange);
    expect(wordsOf(before, restricted(rule, fromRange))).toEqual(["changed, not understood"]);
    expect(wordsOf(restricted(rule, fromRange), before)).toEqual(["changed, not understood"]);
  });

  it("without an action and a priority allows", () => {
    const { vnetSubnetResourceId } = fromSubnet;
    expect(wordsOf(restricted(fromRange), restricted(fromRange, { vnetSubnetResourceId }))).toEqual(["opened"]);
  });
});

describe("a security rule", () => {
  it.each([
    ["an access in another case", { properties: { ...refused, access: "deny" } }],
    ["an expression as its access", { properties: { ...refused, access: "[parameters('access')]" } }],
    ["an expression as its priority", { properties: { ...refused, priority: "[parameters('priority')]" } }],
    ["no properties", {}],
  ])("with %s is not understood", (_what, rule) => {
    expect(wordsOf(secured({ properties: refused }), secured(rule))).toEqual(["changed, not understood"]);
  });
});

describe("an address of another form", () => {
  it("tells two security rules apart", () => {
    const [before = [], after = []] = [1, 2].map((a) =>
      secured({ properties: { ...refused, destinationAddressPrefix: { a } } }),
    );
    expect(wordsOf(before, after)).toContain("opened");
  });
});

describe("a network security group", () => {
  it("opens when it is removed: it denies, and a deployment leaves the old one", () => {
    expect(wordsOf(secured({ properties: refused }), [])).toEqual(["opened"]);
  });
});

describe("the longest request body", () => {
  it.each(["", " ", "0x10", "1e9", "-1"])("is not understood as %o", (value) => {
    expect(wordsOf(withSetting("131072"), withSetting(value))).toEqual(["changed, not understood"]);
  });
});

describe("an Azure role", () => {
  const role = "/providers/Microsoft.Authorization/roleDefinitions/8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
  const assigned = (roleDefinitionId: unknown): Resource[] => [
    resource("Microsoft.Authorization/roleAssignments", { principalId: "a", roleDefinitionId }),
  ];

  it("of another scope is another role", () => {
    const [before, after] = ["/subscriptions/one", "/subscriptions/two"].map((scope) => assigned(`${scope}${role}`));
    expect(wordsOf(before ?? [], after ?? [])).toEqual(["closed", "opened"]);
  });

  it.each([
    ["an object", {}],
    ["a number", 1],
    ["constructor", "constructor"],
  ])("may be %s", (_what, value) => {
    expect(wordsOf([], assigned(value))[0]).toBe("opened");
  });
});

describe("a malformed app setting", () => {
  it.each([[[{ value: "a" }]], [[{ name: "AzureWebJobsStorage" }]], [[null]], [{ a: 1 }]])(
    "is not understood: %j",
    (appSettings) => {
      const account = resource("Microsoft.Storage/storageAccounts", {});
      const site = (settings: unknown): Resource =>
        resource(SITE, { siteConfig: { linuxFxVersion: "'example'", appSettings: settings } });
      expect(wordsOf([account, site([])], [account, site(appSettings)])).toEqual(["changed, not understood"]);
    },
  );
});

describe("a new site", () => {
  const site: Resource = { type: SITE, id: "/sites/a", name: "a", properties: {} };
  const policies = ["ftp", "scm"].map((name): Resource => {
    const type = `${SITE}/basicPublishingCredentialsPolicies`;
    return { type, id: `/sites/a/${name}`, name: `a/${name}`, properties: { allow: false } };
  });
  const missing = (after: readonly Resource[]): string[] =>
    found([], after).flatMap(({ word, text }) => (word === "opened" && text.includes("no policy") ? [text] : []));

  it("opens without its policies on basic publishing credentials", () => {
    const [ftp, scm] = ["ftp", "scm"].map((name) => `basic publishing credentials of a: no policy ${name}`);
    expect(missing([site])).toEqual([ftp, scm]);
    expect(missing([site, ...policies.slice(1)])).toEqual([ftp]);
    expect(missing([site, ...policies.slice(0, 1)])).toEqual([scm]);
    expect(missing([site, ...policies])).toEqual([]);
  });

  it("opens when it only reports", () => {
    const reporting = (...appSettings: readonly unknown[]) =>
      found([], [{ ...site, properties: { siteConfig: { appSettings } } }]).filter(
        ({ kind }) => kind === "report only",
      );
    expect(reporting({ name: "REPORT_ONLY_UNTIL", value: "2030-01-01" })).toMatchObject([{ word: "opened" }]);
    expect(reporting()).toEqual([]);
  });
});

describe("a new subnet", () => {
  const network = (...subnets: readonly unknown[]): Resource[] => [
    resource("Microsoft.Network/virtualNetworks", { subnets }),
  ];
  const linesOf = (subnet: object): string[] =>
    found(network(), network({ name: "a", properties: subnet })).map(({ text }) => text);

  it("is another one with other content", () => {
    expect(linesOf({ addressPrefix: "10.0.0.0/24" })).not.toEqual(linesOf({ addressPrefix: "10.0.1.0/24" }));
  });
});

describe("the digest", () => {
  const opened = { word: "opened", kind: "a", text: "a" } as const;

  it("is of every line if anything opens, in any order", () => {
    for (const word of ["lost", "closed", "changed"] as const) {
      const other = { word, kind: "b", text: "b" };
      expect(digestOf([opened, other])).not.toBe(digestOf([opened]));
      expect(digestOf([opened, other])).toBe(digestOf([other, opened]));
      expect(digestOf([other])).toBeUndefined();
    }
  });

  it("has 128 bits, and a content has 256", () => {
    expect(digestOf([opened])).toMatch(/^[0-9a-f]{32}$/);
    expect(hashOf("a")).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe("the names of the evaluated templates", () => {
  const named = (name: string, httpsOnly: boolean): [string, Snapshot] => [
    name,
    { predictedResources: [resource(SITE, { httpsOnly })] },
  ];
  const other: [string, Snapshot] = ["other", { predictedResources: [] }];
  const state = (...snapshots: readonly [string, Snapshot][]): Templates => ({
    policy,
    snapshots: Object.fromEntries([...snapshots, other]),
  });
  const textsOf = (before: Templates, after: Templates): string[] =>
    compareTemplates(before, after).map(({ text }) => text);

  it("follow a difference that not all have that have the resource type", () => {
    const before = state(named("one", true), named("two", true));
    expect(textsOf(before, state(named("one", false), named("two", false)))).toEqual([
      "plain HTTP of example: httpsOnly true → false",
    ]);
    expect(textsOf(before, state(named("one", false), named("two", true)))).toEqual([
      "plain HTTP of example: httpsOnly true → false (one)",
    ]);
  });

  it("follow a new resource of a type that none of them had", () => {
    expect(textsOf(state(["one", { predictedResources: [] }]), state(named("one", true)))[0]).toMatch(/\(one\)$/);
  });
});

describe("an evaluated template", () => {
  it("may be called constructor", () => {
    const snapshot: Snapshot = readSnapshot("default");
    const without: Templates = { policy, snapshots: {} };
    const withOne: Templates = { policy, snapshots: Object.fromEntries([["constructor", snapshot]]) };
    expect(compareTemplates(without, withOne).some(({ word }) => word === "opened")).toBe(true);
    expect(compareTemplates(withOne, without).map(({ text }) => text)).toEqual(["the evaluated template is gone"]);
  });
});
