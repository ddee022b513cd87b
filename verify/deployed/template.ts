import { isApi } from "../../infra/hooks/services.ts";
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
  readonly hostAccount: StorageAccountProperties;
  readonly dataAccount: StorageAccountProperties;
}

/**
 * The evaluated template, as committed in infra/snapshots, with the deployment's own subscription, tenant, names and
 * address ranges in place of the made-up ones. `npm run infra:check` holds the committed snapshots against the template.
 *
 * @throws CannotStart where the snapshots are older than the access policy
 */
export function expectedServices(deployment: Deployment): readonly ExpectedService[] {
  const snapshot = inNamesOf(deployment, readSnapshot(deployment.planKind === "Dedicated" ? "dedicated" : "default"));
  return deployment.services.map(({ name }) => expectedService(snapshot, deployment, name));
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
    hostAccount,
    dataAccount,
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

/** The account of a service is the one that answers to its subnet. */
function accountOf(
  snapshot: Snapshot,
  subnetId: string | undefined,
  prefix: string,
): StorageAccountProperties | undefined {
  return resources(snapshot, "Microsoft.Storage/storageAccounts").find(
    ({ name, properties }) =>
      name?.startsWith(prefix) && properties?.networkAcls?.virtualNetworkRules?.some(({ id }) => id === subnetId),
  )?.properties;
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
