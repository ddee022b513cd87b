/** What a deployment must be: the evaluated template and the access policy, in the names of the deployment. */
import {
  type AccessRule,
  type PropertiesByType,
  readSnapshot,
  type Resource,
  resources,
  type SecurityRule,
  type SiteConfig,
  siteOf,
  type SiteProperties,
  type Snapshot,
  type StorageAccountProperties,
  type SubnetDefinition,
} from "../../infra/snapshot.ts";
import { calleesOf, externalCallersOf, type Policy } from "@restricted-calls/shared/access-policy";
import { policy } from "../model/policy.ts";
import { CannotStartError, type Deployment } from "./environment.ts";

export interface ExpectedService {
  readonly name: string;
  readonly siteName: string;
  /** The origin. */
  readonly url: string;
  /** The app roles by name, and the granted roles by calling service or external caller. */
  readonly roles: Policy["services"][string]["roles"];
  readonly callers: Policy["services"][string]["callers"];
  /** The services that it may call. */
  readonly callees: readonly string[];
  /** The address ranges of external callers that may reach its main site, in CIDR notation. */
  readonly callerRanges: readonly string[];
  /** Its App ID URI, and the unique name of its app registration; null for a service without roles. */
  readonly api: { readonly identifierUri: string; readonly uniqueName: string } | null;
  /** The unique name of the app registration that it calls others as; null if it calls as its identity. */
  readonly clientName: string | null;
  readonly siteId: string;
  readonly site: SiteProperties;
  readonly config: SiteConfig;
  readonly settingNames: readonly string[];
  readonly identityId: string;
  readonly planId: string;
  readonly subnetId: string;
  readonly subnet: NonNullable<SubnetDefinition["properties"]>;
  /** Whether another team owns the subnet, and its network security group. */
  readonly subnetIsForeign: boolean;
  /** Where its calls may go; empty if another team decides. */
  readonly outboundRules: readonly SecurityRule[];
  /** Whom the main site and the SCM site let in. */
  readonly mainRules: readonly AccessRule[];
  readonly scmRules: readonly AccessRule[];
  /** App Service Authentication; null where it must be off. */
  readonly authentication: Authentication | null;
  readonly accounts: Readonly<Record<AccountPurpose, ExpectedAccount>>;
}

type Authentication = ReturnType<typeof authenticationOf>;

export type AccountPurpose = "host" | "data";

export interface ExpectedAccount {
  /** Of the snapshot: only Azure can compute this hash. The site's settings hold the deployment's name. */
  readonly madeUpName: string;
  readonly properties: StorageAccountProperties;
  /** The ids of the roles that the service's identity has on it. */
  readonly roles: readonly string[];
}

/** A resource of the template. Only the names of storage accounts are still those of the snapshot. */
export interface ExpectedResource {
  readonly id: string;
  readonly type: string;
  readonly apiVersion: string;
  readonly properties: object;
}

export interface Expected {
  readonly services: readonly ExpectedService[];
  /** All resources that Resource Manager knows by an id. */
  readonly resources: readonly ExpectedResource[];
}

/**
 * Reads the committed snapshot of the evaluated template, and replaces its made-up subscription, tenant, names and address
 * ranges by those of the deployment. `npm run infra:check` compares the committed snapshots with the template.
 *
 * @throws CannotStartError if the snapshots are older than the access policy
 */
export function expectedOf(deployment: Deployment): Expected {
  const committed = readSnapshot(deployment.planKind === "Dedicated" ? "dedicated" : "default");
  const snapshot = withExisting(deployment, inNamesOf(deployment, committed));
  return {
    services: deployment.services.map((service) => expectedService(snapshot, deployment, service)),
    resources: ownResources(deployment, snapshot).flatMap(({ id, type, apiVersion, properties = {} }) =>
      id === undefined || isExpression(id) || apiVersion === undefined ? [] : [{ id, type, apiVersion, properties }],
    ),
  };
}

/** The App ID URI of a service, as in infra/types.bicep. */
export function identifierUri({ tenantId, suffix }: Deployment, service: string): string {
  return `api://${tenantId}/${service}-${suffix}`;
}

/** Whether a value in the evaluated template is known to Azure only, such as a key. */
export function isExpression(value: unknown): boolean {
  return typeof value === "string" && value.startsWith("[") && value.endsWith("]");
}

function expectedService(
  snapshot: Snapshot,
  deployment: Deployment,
  { name, siteName, url }: Deployment["services"][number],
): ExpectedService {
  const { roles = {}, callers = {} } = policy.services[name] ?? {};
  const isApi = Object.keys(roles).length > 0;
  const callees = calleesOf(policy, name);
  const isClient = deployment.callerCredential === "federated-identity" && callees.length > 0;
  const site = siteOf(snapshot, name);
  const [network] = resources(snapshot, "Microsoft.Network/virtualNetworks");
  const subnet = network?.properties?.subnets?.find((candidate) => candidate.name === name)?.properties;
  const subnetIsForeign = deployment.existingSubnets[name] !== undefined;
  const groups = resources(snapshot, "Microsoft.Network/networkSecurityGroups");
  const outboundRules = groups.find(({ id }) => id === subnet?.networkSecurityGroup?.id)?.properties?.securityRules;
  const [identityId] = Object.keys(site?.identity?.userAssignedIdentities ?? {});
  const { serverFarmId, virtualNetworkSubnetId, siteConfig } = site?.properties ?? {};
  const hostAccount = accountOf(snapshot, virtualNetworkSubnetId, "sthost");
  const dataAccount = accountOf(snapshot, virtualNetworkSubnetId, "stdata");
  if (
    site?.id === undefined ||
    site.properties === undefined ||
    siteConfig === undefined ||
    subnet === undefined ||
    outboundRules === undefined ||
    identityId === undefined ||
    serverFarmId === undefined ||
    virtualNetworkSubnetId === undefined ||
    hostAccount === undefined ||
    dataAccount === undefined
  ) {
    throw new CannotStartError(
      `infra/snapshots do not have all of ${name}: npm run infra:check -- --update, and read the difference`,
    );
  }
  return {
    name,
    siteName,
    url,
    roles,
    callers,
    callees,
    callerRanges: Object.values(externalCallersOf(policy, name)).flatMap(({ addressRanges = [] }) => addressRanges),
    api: isApi ? { identifierUri: identifierUri(deployment, name), uniqueName: `${name}-${deployment.suffix}` } : null,
    clientName: isClient ? `${name}-client-${deployment.suffix}` : null,
    siteId: site.id,
    site: site.properties,
    config: siteConfig,
    settingNames: [
      ...(siteConfig.appSettings ?? []).map((setting) => setting.name),
      ...(deployment.callerCredential === "federated-identity" ? ["CALLER_APP_CLIENT_ID"] : []),
    ],
    identityId,
    planId: serverFarmId,
    subnetId: virtualNetworkSubnetId,
    subnet,
    subnetIsForeign,
    outboundRules: subnetIsForeign ? [] : outboundRules,
    mainRules: isApi
      ? (siteConfig.ipSecurityRestrictions ?? [])
      : ofDeployment(siteConfig.ipSecurityRestrictions, deployment.ingressRanges),
    scmRules: ofDeployment(siteConfig.scmIpSecurityRestrictions, deployment.deployerRanges),
    authentication: isApi && deployment.appServiceAuthentication ? authenticationOf(name) : null,
    accounts: { host: hostAccount, data: dataAccount },
  };
}

/** The snapshot with another team's subnets and workspace in place of its own ones. */
function withExisting({ existingSubnets, existingWorkspaceId }: Deployment, snapshot: Snapshot): Snapshot {
  const network = resources(snapshot, "Microsoft.Network/virtualNetworks")[0]?.id ?? "";
  const workspace = resources(snapshot, "Microsoft.OperationalInsights/workspaces")[0]?.id ?? "";
  const replaced = [
    ...Object.entries(existingSubnets).map(
      ([service, id]) => [`"${network}/subnets/${service}"`, `"${id ?? ""}"`] as const,
    ),
    ...(existingWorkspaceId === null ? [] : [[`Id":"${workspace}"`, `Id":"${existingWorkspaceId}"`] as const]),
    ...(existingWorkspaceId === null ? [] : [[`["${workspace}"]`, `["${existingWorkspaceId}"]`] as const]),
  ];
  const text = replaced.reduce((rest, [old, own]) => rest.replaceAll(old, own), JSON.stringify(snapshot));
  return JSON.parse(text) as Snapshot;
}

/** Without the subnets, security groups and workspace in whose place another team's are. */
function ownResources({ existingSubnets, existingWorkspaceId }: Deployment, snapshot: Snapshot): Resource[] {
  const isForeign = (service = ""): boolean => existingSubnets[service] !== undefined;
  const services = Object.keys(policy.services);
  const groups = services.filter(isForeign).map((service) => new RegExp(`^nsg-${service}-[a-z0-9]+$`));
  const workspace = resources(snapshot, "Microsoft.OperationalInsights/workspaces")[0]?.id ?? "";
  return snapshot.predictedResources.flatMap((resource): Resource[] => {
    const { type, id = "", name = "", properties } = resource;
    if (existingWorkspaceId !== null && id.startsWith(workspace)) return [];
    if (type === "Microsoft.Network/networkSecurityGroups" && groups.some((group) => group.test(name))) return [];
    if (type !== "Microsoft.Network/virtualNetworks") return [resource];
    const { subnets = [], ...others } = (properties ?? {}) as PropertiesByType["Microsoft.Network/virtualNetworks"];
    const own = subnets.filter((subnet) => !isForeign(subnet.name));
    return own.length === 0 ? [] : [{ ...resource, properties: { ...others, subnets: own } }];
  });
}

/** Only the snapshot with every option has it. */
function authenticationOf(name: string) {
  const config = resources(readSnapshot("everything"), "Microsoft.Web/sites/config").find(
    (resource) => resource.name?.startsWith(`${name}-`) === true,
  )?.properties;
  return { platform: config?.platform, globalValidation: config?.globalValidation };
}

/** Replaces the snapshot's made-up address ranges by those of the deployment. */
function ofDeployment(rules: readonly AccessRule[] = [], ranges: readonly string[]): AccessRule[] {
  const isAddress = (rule: AccessRule): boolean => rule.action === "Allow" && rule.ipAddress !== undefined;
  const priority = rules.find(isAddress)?.priority ?? 0;
  return [
    ...rules.filter((rule) => !isAddress(rule)),
    ...ranges.map((ipAddress) => ({ action: "Allow", ipAddress, priority })),
  ];
}

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The account of a service is the one that lets in its subnet. */
function accountOf(snapshot: Snapshot, subnetId: string | undefined, prefix: string): ExpectedAccount | undefined {
  const account = resources(snapshot, "Microsoft.Storage/storageAccounts").find(
    ({ name, properties }) =>
      name?.startsWith(prefix) && properties?.networkAcls?.virtualNetworkRules?.some(({ id }) => id === subnetId),
  );
  if (account?.name === undefined || account.properties === undefined) return undefined;
  // The ids of assignments are expressions, because only Azure knows the principal's id. They contain the account's id in quotes.
  const roles = resources(snapshot, "Microsoft.Authorization/roleAssignments")
    .filter(({ id }) => id?.includes(`'${account.id ?? "?"}'`))
    .map(({ properties }) => properties?.roleDefinitionId?.match(GUID)?.at(-1) ?? "?");
  return { madeUpName: account.name, properties: account.properties, roles };
}

/** A snapshot's made-up values are in its resource group, its tenant setting and the names of its sites. */
function inNamesOf(deployment: Deployment, snapshot: Snapshot): Snapshot {
  const [group] = resources(snapshot, "Microsoft.Resources/resourceGroups");
  const sites: readonly Resource<SiteProperties>[] = resources(snapshot, "Microsoft.Web/sites");
  const service = sites[0]?.tags?.["azd-service-name"];
  const madeUp = {
    [group?.id?.split("/")[2] ?? ""]: deployment.subscriptionId,
    [group?.name ?? ""]: deployment.resourceGroup,
    [sites[0]?.properties?.siteConfig?.appSettings?.find(({ name }) => name === "AZURE_TENANT_ID")?.value ?? ""]:
      deployment.tenantId,
    [sites[0]?.name?.slice(`${service ?? ""}-`.length) ?? ""]: deployment.suffix,
  };
  const text = Object.entries(madeUp).reduce((rest, [old, own]) => rest.replaceAll(old, own), JSON.stringify(snapshot));
  return JSON.parse(text) as Snapshot;
}
