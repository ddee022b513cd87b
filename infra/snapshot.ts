/** Evaluated templates: their types, the committed ones, and what tools read from them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * An evaluated template (`bicep snapshot`): the resources that a deployment sends to Azure. A value that only Azure knows
 * (client ids, keys) stays an expression in brackets, as a string. Microsoft Graph resources have neither id nor name.
 */
export interface Snapshot {
  predictedResources: Resource[];
}

/** A resource of any type. Members that only some types have are optional. */
export interface Resource<Properties = object> {
  type: string;
  id?: string;
  name?: string;
  apiVersion?: string;
  location?: string;
  kind?: string;
  sku?: { name?: string; tier?: string; capacity?: number };
  tags?: Record<string, string>;
  identity?: { type?: string; userAssignedIdentities?: Record<string, object> };
  properties?: Properties;
}

/** The properties that this project reads, by resource type. All are optional, because a check must find a missing one. */
export interface PropertiesByType {
  "Microsoft.Resources/resourceGroups": object;
  "Microsoft.ManagedIdentity/userAssignedIdentities": object;
  "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": {
    issuer?: string;
    subject?: string;
    audiences?: string[];
  };
  "Microsoft.Network/virtualNetworks": {
    addressSpace?: { addressPrefixes?: string[] };
    subnets?: SubnetDefinition[];
  };
  "Microsoft.Network/virtualNetworks/subnets": object;
  "Microsoft.Network/networkSecurityGroups": { securityRules?: SecurityRule[] };
  "Microsoft.Network/privateEndpoints": object;
  "Microsoft.Web/serverfarms": { reserved?: boolean; maximumElasticWorkerCount?: number; zoneRedundant?: boolean };
  "Microsoft.Web/sites": SiteProperties;
  "Microsoft.Web/sites/config": AuthenticationProperties;
  "Microsoft.Web/sites/basicPublishingCredentialsPolicies": { allow?: boolean };
  "Microsoft.Storage/storageAccounts": StorageAccountProperties;
  "Microsoft.Storage/storageAccounts/fileServices/shares": object;
  "Microsoft.Authorization/roleAssignments": { roleDefinitionId?: string; principalId?: string; description?: string };
  "Microsoft.Authorization/roleDefinitions": {
    assignableScopes?: string[];
    permissions?: { actions?: string[]; notActions?: string[]; dataActions?: string[]; notDataActions?: string[] }[];
  };
  "Microsoft.OperationalInsights/workspaces": {
    retentionInDays?: number;
    workspaceCapping?: { dailyQuotaGb?: number };
  };
  "Microsoft.Insights/components": { DisableLocalAuth?: boolean; WorkspaceResourceId?: string };
  "Microsoft.Insights/diagnosticSettings": {
    workspaceId?: string;
    logs?: { categoryGroup?: string; enabled?: boolean }[];
  };
  "Microsoft.Insights/scheduledQueryRules": AlertProperties;
  "Microsoft.Insights/activityLogAlerts": ChangeAlertProperties;
  "Microsoft.Insights/actionGroups": { emailReceivers?: { emailAddress?: string }[] };
  "Microsoft.Graph/applications@v1.0": ApplicationProperties;
  "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0": { subject?: string; audiences?: string[] };
  "Microsoft.Graph/servicePrincipals@v1.0": { appId?: string; appRoleAssignmentRequired?: boolean };
  "Microsoft.Graph/appRoleAssignedTo@v1.0": { appRoleId?: string; principalId?: string; resourceId?: string };
}

export interface SecurityRule {
  name?: string;
  properties?: {
    access?: string;
    direction?: string;
    priority?: number;
    protocol?: string;
    sourceAddressPrefix?: string;
    sourcePortRange?: string;
    destinationAddressPrefix?: string;
    destinationPortRange?: string;
    destinationPortRanges?: string[];
  };
}

export interface SubnetDefinition {
  name?: string;
  properties?: {
    networkSecurityGroup?: { id?: string };
    addressPrefix?: string;
    delegations?: { properties?: { serviceName?: string } }[];
    serviceEndpoints?: { service?: string }[];
  };
}

export interface AccessRule {
  name?: string;
  description?: string;
  action?: string;
  priority?: number;
  ipAddress?: string;
  vnetSubnetResourceId?: string;
}

export interface SiteProperties {
  serverFarmId?: string;
  httpsOnly?: boolean;
  publicNetworkAccess?: string;
  virtualNetworkSubnetId?: string;
  outboundVnetRouting?: { allTraffic?: boolean; applicationTraffic?: boolean; contentShareTraffic?: boolean };
  sshEnabled?: boolean;
  endToEndEncryptionEnabled?: boolean;
  functionsRuntimeAdminIsolationEnabled?: boolean;
  siteConfig?: SiteConfig;
}

export interface SiteConfig {
  linuxFxVersion?: string;
  alwaysOn?: boolean;
  minimumElasticInstanceCount?: number | null;
  functionAppScaleLimit?: number | null;
  healthCheckPath?: string | null;
  minTlsVersion?: string;
  scmMinTlsVersion?: string;
  ftpsState?: string;
  remoteDebuggingEnabled?: boolean;
  ipSecurityRestrictions?: AccessRule[];
  ipSecurityRestrictionsDefaultAction?: string;
  scmIpSecurityRestrictions?: AccessRule[];
  scmIpSecurityRestrictionsDefaultAction?: string;
  scmIpSecurityRestrictionsUseMain?: boolean;
  appSettings?: { name: string; value: string }[];
}

export interface StorageAccountProperties {
  allowSharedKeyAccess?: boolean;
  allowBlobPublicAccess?: boolean;
  minimumTlsVersion?: string;
  supportsHttpsTrafficOnly?: boolean;
  sasPolicy?: { sasExpirationPeriod?: string; expirationAction?: string };
  keyPolicy?: { keyExpirationPeriodInDays?: number };
  networkAcls?: {
    defaultAction?: string;
    bypass?: string;
    virtualNetworkRules?: { id?: string }[];
    ipRules?: object[];
  };
}

export interface AuthenticationProperties {
  platform?: { enabled?: boolean };
  globalValidation?: {
    requireAuthentication?: boolean;
    unauthenticatedClientAction?: string;
    excludedPaths?: string[];
  };
  identityProviders?: {
    azureActiveDirectory?: {
      enabled?: boolean;
      registration?: { clientId?: string };
      validation?: {
        allowedAudiences?: string[];
        defaultAuthorizationPolicy?: { allowedApplications?: string[] };
      };
    };
  };
}

export interface AlertProperties {
  displayName?: string;
  enabled?: boolean;
  scopes?: string[];
  criteria?: { allOf?: { query?: string }[] };
  actions?: { actionGroups?: string[] };
}

export interface ChangeAlertProperties {
  description?: string;
  enabled?: boolean;
  scopes?: string[];
  condition?: { allOf?: { field?: string; equals?: string; anyOf?: { field?: string; equals?: string }[] }[] };
  actions?: { actionGroups?: { actionGroupId?: string }[] };
}

export interface ApplicationProperties {
  uniqueName?: string;
  signInAudience?: string;
  identifierUris?: string[];
  api?: { requestedAccessTokenVersion?: number };
  appRoles?: { id?: string; value?: string; allowedMemberTypes?: string[]; isEnabled?: boolean }[];
  optionalClaims?: { accessToken?: { name?: string }[] };
  passwordCredentials?: object[];
  keyCredentials?: object[];
}

/** The parameter files whose snapshots are committed: the defaults, every option on, the App Service plan, and another team's network and workspace. */
export const snapshotNames = ["default", "everything", "dedicated", "existing"] as const;

export type SnapshotName = (typeof snapshotNames)[number];

/** The snapshot of reader.bicep, in this resource group. */
export const readerSnapshot = { name: "reader", resourceGroup: "rg-snapshot" } as const;

/** Reads one of the committed snapshots. */
export function readSnapshot(name: SnapshotName | typeof readerSnapshot.name): Snapshot {
  return JSON.parse(readFileSync(join(import.meta.dirname, "snapshots", `${name}.snapshot.json`), "utf8")) as Snapshot;
}

/** Reads the committed snapshot of probe.bicep. Its values in braces stand for those of a deployment. */
export function readProbeSnapshot(): Snapshot {
  return JSON.parse(readFileSync(join(import.meta.dirname, "snapshots", "probe.snapshot.json"), "utf8")) as Snapshot;
}

/** All resources of a type. */
export function resources<Type extends keyof PropertiesByType>(
  snapshot: Snapshot,
  type: Type,
): Resource<PropertiesByType[Type]>[] {
  return snapshot.predictedResources.filter((resource) => resource.type === type);
}

/** The site of a service. azd finds it by the same tag. */
export function siteOf(snapshot: Snapshot, service: string): Resource<SiteProperties> | undefined {
  return resources(snapshot, "Microsoft.Web/sites").find(({ tags }) => tags?.["azd-service-name"] === service);
}

/**
 * The access restrictions of a service's main site: the rules, the action for requests that match none, and whether the
 * site has a public endpoint, without which no rule applies.
 *
 * @throws Error if the snapshot has no such site
 */
export function accessRestrictionsOf(snapshot: Snapshot, service: string): MainSiteRestrictions {
  const properties = siteOf(snapshot, service)?.properties;
  if (properties === undefined) throw new Error(`The snapshot has no site for the service ${service}. ${UPDATE_HINT}`);
  const { publicNetworkAccess, siteConfig } = properties;
  return {
    ipSecurityRestrictions: siteConfig?.ipSecurityRestrictions,
    ipSecurityRestrictionsDefaultAction: siteConfig?.ipSecurityRestrictionsDefaultAction,
    publicNetworkAccess,
  };
}

/**
 * The app settings of a site that its Functions host reads: whether it has a home page, the longest body in bytes, and
 * whether only the platform may call the administration endpoints. The platform derives the last one from a property of
 * the site (https://github.com/Azure/azure-functions-host/issues/8142).
 */
export function hostSettingsOf(snapshot: Snapshot, service: string): Record<string, string> {
  const { siteConfig, functionsRuntimeAdminIsolationEnabled } = siteOf(snapshot, service)?.properties ?? {};
  const settings = (siteConfig?.appSettings ?? []).filter(({ name }) =>
    ["AzureWebJobsDisableHomepage", "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT"].includes(name),
  );
  return {
    ...Object.fromEntries(settings.map(({ name, value }) => [name, value])),
    ...(functionsRuntimeAdminIsolationEnabled === true && { FUNCTIONS_ADMIN_ISOLATION_ENABLED: "1" }),
  };
}

const UPDATE_HINT = "After a change of the access policy, update the snapshots: npm run infra:check -- --update";

export interface MainSiteRestrictions {
  readonly ipSecurityRestrictions: readonly AccessRule[] | undefined;
  readonly ipSecurityRestrictionsDefaultAction: string | undefined;
  readonly publicNetworkAccess: string | undefined;
}

/**
 * The resource id of a service's integration subnet.
 *
 * @throws Error if the snapshot has no such subnet
 */
export function subnetIdOf(snapshot: Snapshot, service: string): string {
  const network = resources(snapshot, "Microsoft.Network/virtualNetworks").find(({ properties }) =>
    properties?.subnets?.some(({ name }) => name === service),
  );
  if (network?.id === undefined) {
    throw new Error(`The snapshot has no integration subnet for the service ${service}. ${UPDATE_HINT}`);
  }
  return `${network.id}/subnets/${service}`;
}
