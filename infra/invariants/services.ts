/** The services of a snapshot, and helpers that checks share. */
import { isDeepStrictEqual } from "node:util";
import { tableEndpointSettingOf } from "../../tools/service-names.ts";
import { type Resource, resources, type SiteConfig, siteOf, type SiteProperties, type Snapshot } from "../snapshot.ts";
import type { PropertiesByType, SubnetDefinition } from "../snapshot.ts";
import { calleesOf, type ServicePolicy } from "@restricted-calls/shared/access-policy";
import type { Check, Expected } from "./invariant.ts";

type Account = Resource<PropertiesByType["Microsoft.Storage/storageAccounts"]>;

/** A service of the policy, with its resources in a snapshot: undefined if the snapshot lacks one. */
export interface Service {
  readonly name: string;
  readonly policy: ServicePolicy;
  /** The services that it may call. */
  readonly callees: readonly string[];
  readonly site: Resource<SiteProperties> | undefined;
  readonly config: SiteConfig;
  readonly settings: Readonly<Record<string, string>>;
  readonly plan: Resource<PropertiesByType["Microsoft.Web/serverfarms"]> | undefined;
  /** The subnet that the deployment creates for it. */
  readonly subnet: SubnetDefinition | undefined;
  readonly subnetId: string;
  /** The storage accounts of the Functions host and of the service's data, by the service's settings. */
  readonly hostAccount: Account | undefined;
  readonly dataAccount: Account | undefined;
  readonly identityId: string | undefined;
}

/** The services of the policy, with their resources in a snapshot. */
export function servicesOf(snapshot: Snapshot, { policy, serviceOptions, parameters }: Expected): Service[] {
  const [network] = resources(snapshot, "Microsoft.Network/virtualNetworks");
  const identities = resources(snapshot, "Microsoft.ManagedIdentity/userAssignedIdentities");
  const plans = resources(snapshot, "Microsoft.Web/serverfarms");
  return Object.entries(policy.services).map(([name, servicePolicy]) => {
    const site = siteOf(snapshot, name);
    const config = site?.properties?.siteConfig ?? {};
    const settings = Object.fromEntries((config.appSettings ?? []).map((setting) => [setting.name, setting.value]));
    const tableEndpoint = settings[tableEndpointSettingOf(serviceOptions[name])];
    return {
      name,
      policy: servicePolicy,
      callees: calleesOf(policy, name),
      site,
      config,
      settings,
      plan: plans.find((plan) => plan.name?.startsWith(`plan-${name}-`)),
      subnet: network?.properties?.subnets?.find((subnet) => subnet.name === name),
      subnetId: parameters.existingSubnets[name] ?? `${network?.id ?? ""}/subnets/${name}`,
      hostAccount: accountIn(snapshot, settings["AzureWebJobsStorage__blobServiceUri"]),
      dataAccount: accountIn(snapshot, tableEndpoint),
      identityId: identities.find((identity) => identity.name?.startsWith(`id-${name}-`))?.id,
    };
  });
}

/** Runs a check on each service of the policy. */
export function forEachService(check: (service: Service, expected: Expected, snapshot: Snapshot) => string[]): Check {
  return (snapshot, expected) =>
    servicesOf(snapshot, expected).flatMap((service) => check(service, expected, snapshot));
}

/** Runs a check on each service whose subnet the deployment creates. */
export function forEachNewSubnet(check: Parameters<typeof forEachService>[0]): Check {
  return forEachService((service, expected, snapshot) =>
    expected.parameters.existingSubnets[service.name] === undefined ? check(service, expected, snapshot) : [],
  );
}

/** The workspace that all logs go to. */
export function workspaceIdOf(snapshot: Snapshot, { parameters }: Expected): string | undefined {
  return parameters.existingWorkspaceId ?? resources(snapshot, "Microsoft.OperationalInsights/workspaces")[0]?.id;
}

/** One violation if two values differ, none if they are equal. */
export function same(what: string, found: unknown, expected: unknown): string[] {
  if (isDeepStrictEqual(found, expected)) return [];
  return [
    `${what}: expected ${JSON.stringify(expected)}, found ${found === undefined ? "nothing" : JSON.stringify(found)}`,
  ];
}

/** Whether an expression refers to a property of a resource that does not exist yet. */
export function asksFor(expression: string | undefined, id: string | undefined, property: string): boolean {
  return id !== undefined && expression?.includes(`'${id}'`) === true && expression.includes(`.${property}`);
}

function accountIn(snapshot: Snapshot, endpoint: string | undefined): Account | undefined {
  return resources(snapshot, "Microsoft.Storage/storageAccounts").find(
    ({ name }) => name !== undefined && endpoint?.includes(`'${name}'`),
  );
}
