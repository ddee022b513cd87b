/**
 * Takes all services but the example's two out of the access policy and the snapshots: what is written down by hand in some
 * tests is about these two. Such a test imports this file first.
 */
import type { ServicePolicy } from "@restricted-calls/shared/access-policy";
import { vi } from "vitest";

type PolicyModule = typeof import("../access-policy.ts");
type SnapshotModule = typeof import("../../infra/snapshot.ts");
type Snapshot = ReturnType<SnapshotModule["readSnapshot"]>;
type Resource = Snapshot["predictedResources"][number];

const template = vi.hoisted(() => ({ hostSettings: undefined as Record<string, string> | undefined }));

/** Replaces what the template says to the Functions host. It is here because a module has one mock only. */
export function replaceHostSettings(settings: Record<string, string> | undefined): void {
  template.hostSettings = settings;
}

vi.mock("../access-policy.ts", async (original) => policyOfExample(await original()));
vi.mock("../../infra/snapshot.ts", async (original) => {
  const { accessPolicy }: PolicyModule = await vi.importActual("../access-policy.ts");
  return snapshotsOfExample(await original(), Object.keys(accessPolicy.services));
});

const EXAMPLE = ["caller-func", "callee-func"];
const isExample = (service: string): boolean => EXAMPLE.includes(service);

function policyOfExample(policy: PolicyModule): PolicyModule {
  const { accessPolicy, serviceNames } = policy;
  const services = Object.entries<ServicePolicy>(accessPolicy.services).flatMap(([name, { callers, ...others }]) =>
    isExample(name) ? [[name, { ...others, callers: examplesOnly(callers) }] as const] : [],
  );
  return {
    ...policy,
    accessPolicy: { ...accessPolicy, services: Object.fromEntries(services) as typeof accessPolicy.services },
    serviceNames: serviceNames.filter(isExample),
  };
}

function snapshotsOfExample(snapshots: SnapshotModule, services: readonly string[]): SnapshotModule {
  const others = services.filter((service) => !isExample(service));
  return {
    ...snapshots,
    readSnapshot: (name) => others.reduce(without, snapshots.readSnapshot(name)),
    hostSettingsOf: (snapshot, service) => template.hostSettings ?? snapshots.hostSettingsOf(snapshot, service),
  };
}

/** Without the resources of a service, and without its subnet and its rules in the others. */
function without(snapshot: Snapshot, service: string): Snapshot {
  const names = new RegExp(`(?<![a-z0-9])${service}(?![a-z0-9])`);
  const accounts = snapshot.predictedResources
    .filter(({ type }) => type === "Microsoft.Storage/storageAccounts")
    .filter(({ properties }) => names.test(JSON.stringify(properties)))
    .map(({ name = "" }) => name);
  const isOfService = ({ id = "", name = "", tags, properties }: Resource): boolean => {
    const { uniqueName = "" } = (properties ?? {}) as { readonly uniqueName?: string };
    const text = JSON.stringify([id, name, tags, uniqueName]);
    return names.test(text) || accounts.some((account) => text.includes(account));
  };
  const isOthers = (member: unknown): boolean => (member as { readonly name?: unknown } | null)?.name !== service;
  const predictedResources = snapshot.predictedResources.filter((resource) => !isOfService(resource));
  return JSON.parse(
    JSON.stringify({ ...snapshot, predictedResources }, (_, value: unknown) =>
      Array.isArray(value) ? value.filter(isOthers) : value,
    ),
  ) as Snapshot;
}

function examplesOnly<T>(record: Readonly<Record<string, T>>): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(record).filter(([name]) => isExample(name)));
}
