import { isApi } from "../../tools/access-policy.ts";
import {
  type AccessRule,
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
import { CannotStart, type Deployment } from "./environment.ts";

/** What the template says of one service, in the names of the deployment. */
export interface ExpectedService {
  readonly name: string;
  readonly siteId: string;
  readonly site: SiteProperties;
  readonly config: SiteConfig;
  readonly settingNames: readonly string[];
  readonly identityId: string;
  readonly planId: string;
  readonly subnetId: string;
  readonly subnet: NonNullable<SubnetDefinition["properties"]>;
  /** What its calls may reach. */
  readonly outboundRules: readonly SecurityRule[];
  /** Whom the main site lets in or refuses, and the SCM site. */
  readonly mainRules: readonly AccessRule[];
  readonly scmRules: readonly AccessRule[];
  readonly accounts: Readonly<Record<AccountPurpose, ExpectedAccount>>;
}

export type AccountPurpose = "host" | "data";

export interface ExpectedAccount {
  /** As in the snapshot: a hash that only Azure can make. The deployment's name is in the site's settings. */
  readonly madeUpName: string;
  readonly properties: StorageAccountProperties;
  /** The ids of the roles that the service's identity has on it. */
  readonly roles: readonly string[];
}

/** A resource as the template states it, in the names of the deployment but for the names of storage accounts. */
export interface ExpectedResource {
  readonly id: string;
  readonly type: string;
  readonly apiVersion: string;
  readonly properties: object;
}

/**
 * The evaluated template, as committed in infra/snapshots, with the deployment's own subscription, tenant, names and
 * address ranges in place of the made-up ones. `npm run infra:check` holds the committed snapshots against the template.
 *
 * @throws CannotStart where the snapshots are older than the access policy
 */
export function expectedServices(deployment: Deployment): readonly ExpectedService[] {
  const snapshot = snapshotOf(deployment);
  return deployment.services.map(({ name }) => expectedService(snapshot, deployment, name));
}

/** All resources of the evaluated template that Resource Manager knows by an id, and of which the template states something. */
export function expectedResources(deployment: Deployment): readonly ExpectedResource[] {
  return snapshotOf(deployment).predictedResources.flatMap(({ id, type, apiVersion, properties = {} }) =>
    id === undefined || isExpression(id) || apiVersion === undefined ? [] : [{ id, type, apiVersion, properties }],
  );
}

/** Whether a value in the evaluated template is known to Azure only, such as a key. */
export function isExpression(value: unknown): boolean {
  return typeof value === "string" && value.startsWith("[") && value.endsWith("]");
}

function snapshotOf(deployment: Deployment): Snapshot {
  return inNamesOf(deployment, readSnapshot(deployment.planKind === "Dedicated" ? "dedicated" : "default"));
}

function expectedService(snapshot: Snapshot, deployment: Deployment, name: string): ExpectedService {
  const site = siteOf(snapshot, name);
  const [network] = resources(snapshot, "Microsoft.Network/virtualNetworks");
  const subnet = network?.properties?.subnets?.find((candidate) => candidate.name === name)?.properties;
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
    throw new CannotStart(
      `infra/snapshots do not have all of ${name}: npm run infra:check -- --update, and read the difference`,
    );
  }
  return {
    name,
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
    outboundRules,
    mainRules: ofDeployment(siteConfig.ipSecurityRestrictions, isApi(name) ? [] : deployment.ingressRanges),
    scmRules: ofDeployment(siteConfig.scmIpSecurityRestrictions, deployment.deployerRanges),
    accounts: { host: hostAccount, data: dataAccount },
  };
}

/** A snapshot's rules that let in an address are of made-up ones: those of the deployment stand in their place. */
function ofDeployment(rules: readonly AccessRule[] = [], ranges: readonly string[]): AccessRule[] {
  const isAddress = (rule: AccessRule): boolean => rule.action === "Allow" && rule.ipAddress !== undefined;
  const priority = rules.find(isAddress)?.priority ?? 0;
  return [
    ...rules.filter((rule) => !isAddress(rule)),
    ...ranges.map((ipAddress) => ({ action: "Allow", ipAddress, priority })),
  ];
}

const GUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;

/** The account of a service is the one that answers to its subnet. */
function accountOf(snapshot: Snapshot, subnetId: string | undefined, prefix: string): ExpectedAccount | undefined {
  const account = resources(snapshot, "Microsoft.Storage/storageAccounts").find(
    ({ name, properties }) =>
      name?.startsWith(prefix) && properties?.networkAcls?.virtualNetworkRules?.some(({ id }) => id === subnetId),
  );
  if (account?.name === undefined || account.properties === undefined) return undefined;
  // The ids of assignments hold a principal's, which only Azure knows: they are expressions, with the account's in quotes.
  const roles = resources(snapshot, "Microsoft.Authorization/roleAssignments")
    .filter(({ id }) => id?.includes(`'${account.id ?? "?"}'`))
    .map(({ properties }) => properties?.roleDefinitionId?.match(GUID)?.at(-1) ?? "?");
  return { madeUpName: account.name, properties: account.properties, roles };
}

/** All that is made up in a snapshot stands in its resource group, in its tenant setting and in the names of its sites. */
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
