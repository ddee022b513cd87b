/** What the committed snapshots are checked against. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { accessPolicy, serviceOptions } from "../../tools/access-policy.ts";
import type { Expected, Parameters } from "../invariants/index.ts";
import { readSnapshot, type Snapshot, type SnapshotName, snapshotNames } from "../snapshot.ts";

const owners = "/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups";
const landingZone = `${owners}/rg-network/providers/Microsoft.Network/virtualNetworks/vnet-landing-zone`;

/** Those of `snapshots/default.bicepparam`, and the defaults of main.bicep. */
const defaults: Parameters = {
  plan: { kind: "ElasticPremium", sku: "EP1", instances: [1, 20], zoneRedundant: false },
  existingSubnets: {},
  existingWorkspaceId: null,
  deployerAddressRanges: ["203.0.113.7/32"],
  ingressAddressRanges: ["203.0.113.7/32"],
  entra: "Deployed",
  callerCredential: "managed-identity",
  appServiceAuthentication: false,
  alertEmailAddresses: [],
  logDailyCapGigabytes: 5,
  tags: {},
};

/** What the other parameter files say besides. */
const parametersFor = (services: readonly string[]): Record<SnapshotName, Parameters> => ({
  default: defaults,
  everything: {
    ...defaults,
    plan: { kind: "ElasticPremium", sku: "EP3", instances: [3, 40], zoneRedundant: true },
    deployerAddressRanges: ["203.0.113.7/32", "198.51.100.0/28"],
    ingressAddressRanges: ["192.0.2.0/24", "2001:db8::/32"],
    callerCredential: "federated-identity",
    appServiceAuthentication: true,
    alertEmailAddresses: ["operations@example.com"],
    logDailyCapGigabytes: 50,
    tags: { owner: "ops" },
  },
  dedicated: {
    ...defaults,
    plan: { kind: "Dedicated", sku: "P0v3", instances: [2, 2], zoneRedundant: false },
    entra: "Prepared",
  },
  existing: {
    ...defaults,
    existingSubnets: Object.fromEntries(services.map((name) => [name, `${landingZone}/subnets/snet-${name}`])),
    existingWorkspaceId: `${owners}/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-landing-zone`,
  },
});

/** This repository's policy and service options, and the snapshot's parameters. */
export function expectedOf(name: SnapshotName): Expected {
  return expectation(name, accessPolicy, serviceOptions);
}

/** A snapshot of this repository, or one of the example of the tests, which has external callers. */
export type CaseName = SnapshotName | `example-${SnapshotName}`;

export const caseNames: readonly CaseName[] = [
  ...snapshotNames,
  ...snapshotNames.map((name) => `example-${name}` as const),
];

/** A snapshot, and what it is checked against. */
export function caseOf(name: CaseName): readonly [Snapshot, Expected] {
  if (!isOfExample(name)) return [readSnapshot(name), expectedOf(name)];
  const own = name.slice("example-".length) as SnapshotName;
  const [policy, options] = [exampleFile("access-policy.json"), exampleFile("service-options.json")];
  return [
    exampleFile(`snapshots/${own}.snapshot.json`) as Snapshot,
    expectation(own, policy as Expected["policy"], options as Expected["serviceOptions"]),
  ];
}

function expectation(name: SnapshotName, policy: Expected["policy"], options: Expected["serviceOptions"]): Expected {
  return { policy, serviceOptions: options, parameters: parametersFor(Object.keys(policy.services))[name] };
}

function isOfExample(name: CaseName): name is `example-${SnapshotName}` {
  return name.startsWith("example-");
}

function exampleFile(path: string): unknown {
  const folder = join(import.meta.dirname, "..", "..", "tools", "testing", "example");
  return JSON.parse(readFileSync(join(folder, path), "utf8"));
}
