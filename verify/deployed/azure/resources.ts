/** What Azure Resource Manager has about one service. */
import * as v from "valibot";
import { tableEndpointSetting } from "../../../tools/access-policy.ts";
import type { AzureApi, Shape } from "./api.ts";
import type { Deployment } from "../environment.ts";
import { following, found, type Read, type Reading, unreadable } from "./reading.ts";
import type { AccountPurpose, ExpectedService } from "../expected.ts";

/** The API versions of the template, so that both use the same names. */
const WEB = "2025-03-01";
const NETWORK = "2025-01-01";
const STORAGE = "2025-06-01";
const IDENTITY = "2024-11-30";
const AUTHORIZATION = "2022-04-01";
/** The last version with `listAssociatedResources`: later ones leave it out, the portal and `az identity list-resources` use it. */
const ASSOCIATED_RESOURCES = "2022-01-31-preview";

// The used parts of the responses. A value that is null or omitted in a published example is optional. Each check decides
// what a missing value means.
const text = v.nullish(v.string());
const yesNo = v.nullish(v.boolean());

const site = v.object({
  identity: v.nullish(v.object({ type: text, userAssignedIdentities: v.nullish(v.record(v.string(), v.unknown())) })),
  properties: v.object({
    httpsOnly: yesNo,
    publicNetworkAccess: text,
    serverFarmId: text,
    virtualNetworkSubnetId: text,
    outboundVnetRouting: v.nullish(
      v.object({ allTraffic: yesNo, applicationTraffic: yesNo, contentShareTraffic: yesNo }),
    ),
    sshEnabled: yesNo,
    endToEndEncryptionEnabled: yesNo,
    functionsRuntimeAdminIsolationEnabled: yesNo,
  }),
});

const rule = v.object({
  name: text,
  action: v.string(),
  priority: v.nullish(v.number()),
  ipAddress: text,
  vnetSubnetResourceId: text,
  tag: text,
  headers: v.nullish(v.record(v.string(), v.unknown())),
});
export type Rule = v.InferOutput<typeof rule>;

const config = v.object({
  properties: v.object({
    minTlsVersion: text,
    scmMinTlsVersion: text,
    ftpsState: text,
    remoteDebuggingEnabled: yesNo,
    linuxFxVersion: text,
    appCommandLine: text,
    ipSecurityRestrictions: v.nullish(v.array(rule)),
    ipSecurityRestrictionsDefaultAction: text,
    scmIpSecurityRestrictions: v.nullish(v.array(rule)),
    scmIpSecurityRestrictionsDefaultAction: text,
    scmIpSecurityRestrictionsUseMain: yesNo,
  }),
});
export type WebConfig = v.InferOutput<typeof config>["properties"];

const settings = v.object({ properties: v.record(v.string(), v.string()) });
const publishing = v.object({ properties: v.object({ allow: v.boolean() }) });
const named = v.object({ id: v.string(), name: v.string() });
const connection = v.object({ id: v.string() });
const federation = v.object({ name: v.string(), properties: v.object({ issuer: text, subject: text }) });
const identity = v.object({ properties: v.object({ clientId: v.string(), principalId: v.string() }) });
// What the Functions host reports when triggers are synchronised:
// https://github.com/Azure/azure-functions-host/blob/dev/src/WebJobs.Script.WebHost/Extensions/FunctionMetadataExtensions.cs
const functionEnvelope = v.object({
  name: v.string(),
  properties: v.object({
    isDisabled: yesNo,
    config: v.nullish(v.object({ scriptFile: text, bindings: v.nullish(v.array(v.record(v.string(), v.unknown()))) })),
  }),
});
export type FunctionEnvelope = v.InferOutput<typeof functionEnvelope>;

const roleAssignment = v.object({
  id: v.string(),
  properties: v.object({ roleDefinitionId: v.string(), principalId: v.string(), principalType: text, scope: text }),
});
const roleDefinition = v.object({
  properties: v.object({
    roleName: text,
    permissions: v.array(v.object({ dataActions: v.nullish(v.array(v.string())) })),
  }),
});

/** A role assignment on a storage account with access to its data, not only its configuration. */
export interface DataRole {
  readonly assignmentId: string;
  /** A GUID, the same for a built-in role everywhere. */
  readonly roleId: string;
  readonly roleName: string;
  readonly principalId: string;
  readonly principalType: string;
  /** Where it is assigned: the account, its resource group or a scope above. */
  readonly scope: string;
}

const hostKeys = v.object({ masterKey: text, functionKeys: v.nullish(v.record(v.string(), v.string())) });

const authentication = v.object({
  properties: v.object({
    platform: v.nullish(v.object({ enabled: yesNo })),
    globalValidation: v.nullish(
      v.object({
        requireAuthentication: yesNo,
        unauthenticatedClientAction: text,
        excludedPaths: v.nullish(v.array(v.string())),
      }),
    ),
    identityProviders: v.nullish(
      v.object({
        azureActiveDirectory: v.nullish(
          v.object({
            enabled: yesNo,
            registration: v.nullish(v.object({ clientId: text, openIdIssuer: text })),
            validation: v.nullish(
              v.object({
                allowedAudiences: v.nullish(v.array(v.string())),
                defaultAuthorizationPolicy: v.nullish(
                  v.object({ allowedApplications: v.nullish(v.array(v.string())) }),
                ),
              }),
            ),
          }),
        ),
      }),
    ),
  }),
});

const securityRule = v.object({
  properties: v.object({
    access: v.string(),
    direction: v.string(),
    priority: v.number(),
    protocol: v.string(),
    sourceAddressPrefix: text,
    sourcePortRange: text,
    destinationAddressPrefix: text,
    destinationAddressPrefixes: v.nullish(v.array(v.string())),
    destinationPortRange: text,
    destinationPortRanges: v.nullish(v.array(v.string())),
  }),
});
export type DeployedSecurityRule = v.InferOutput<typeof securityRule>;
const securityGroup = v.object({ properties: v.object({ securityRules: v.nullish(v.array(securityRule)) }) });

const subnet = v.object({
  properties: v.object({
    networkSecurityGroup: v.nullish(v.object({ id: v.string() })),
    delegations: v.nullish(v.array(v.object({ properties: v.object({ serviceName: v.string() }) }))),
    serviceEndpoints: v.nullish(v.array(v.object({ service: v.string() }))),
    serviceAssociationLinks: v.nullish(v.array(v.object({ properties: v.object({ link: text }) }))),
  }),
});

export type AzureSubnet = v.InferOutput<typeof subnet>;

const account = v.object({
  id: v.string(),
  name: v.string(),
  properties: v.object({
    allowSharedKeyAccess: yesNo,
    allowBlobPublicAccess: yesNo,
    minimumTlsVersion: text,
    supportsHttpsTrafficOnly: yesNo,
    sasPolicy: v.nullish(v.object({ sasExpirationPeriod: text, expirationAction: text })),
    networkAcls: v.nullish(
      v.object({
        defaultAction: text,
        bypass: text,
        virtualNetworkRules: v.nullish(v.array(v.object({ id: v.string() }))),
        ipRules: v.nullish(v.array(v.object({ value: v.string() }))),
        resourceAccessRules: v.nullish(v.array(v.object({ resourceId: v.string() }))),
      }),
    ),
  }),
});

/** Nothing is read before it is needed. */
export interface AzureService {
  readonly site: Read<v.InferOutput<typeof site>>;
  readonly config: Read<v.InferOutput<typeof config>>;
  readonly settings: Read<Readonly<Record<string, string>>>;
  readonly authentication: Read<v.InferOutput<typeof authentication>>;
  readonly publishing: (what: "ftp" | "scm") => Read<v.InferOutput<typeof publishing>>;
  readonly slots: Read<readonly v.InferOutput<typeof named>[]>;
  readonly privateEndpoints: Read<readonly v.InferOutput<typeof connection>[]>;
  readonly identity: Read<v.InferOutput<typeof identity>["properties"]>;
  readonly identityFederation: Read<readonly v.InferOutput<typeof federation>[]>;
  /** The resources that the identity is attached to, in whatever subscription. */
  readonly resourcesOfIdentity: Read<readonly v.InferOutput<typeof named>[]>;
  readonly functions: Read<readonly FunctionEnvelope[]>;
  readonly subnet: Read<AzureSubnet>;
  readonly securityGroup: Read<v.InferOutput<typeof securityGroup>>;
  readonly sitesOfPlan: Read<readonly v.InferOutput<typeof named>[]>;
  /** The storage account that the service's settings name; with `--read-only`, the one that lets in its subnet. */
  readonly account: (purpose: AccountPurpose) => Read<v.InferOutput<typeof account>>;
  /** Roles to read or write the data of that account, assigned on the account or above. */
  readonly dataRoles: (purpose: AccountPurpose) => Read<readonly DataRole[]>;
  /** A function key, to call the service's own functions with. */
  readonly functionKey: Read<string>;
  /** The key of the service's Functions host. */
  readonly masterKey: Read<string>;
}

export function azureService(
  arm: AzureApi,
  { subscriptionId, resourceGroup }: Deployment,
  { name, siteId, identityId, subnetId, subnet: expectedSubnet, planId }: ExpectedService,
): AzureService {
  const contributor = (permission: string): string => `${permission}, of the Azure role Website Contributor`;
  const get =
    <T>(path: string, version: string, shape: Shape<T>, permission: string): Read<T> =>
    () =>
      arm.get(`${path}?api-version=${version}`, shape, reader(permission));
  const list =
    <T>(path: string, version: string, item: Shape<T>, permission: string): Read<readonly T[]> =>
    () =>
      arm.list(`${path}?api-version=${version}`, item, reader(permission));

  const readSettings: AzureService["settings"] = async () => {
    const path = `${siteId}/config/appsettings/list?api-version=${WEB}`;
    const reading = await arm.post(path, settings, contributor("Microsoft.Web/sites/config/list/action"));
    return reading.kind === "found" ? found(reading.value.properties) : reading;
  };
  const identityType = "Microsoft.ManagedIdentity/userAssignedIdentities";
  const readIdentity: AzureService["identity"] = async () => {
    const reading = await get(identityId, IDENTITY, identity, `${identityType}/read`)();
    return reading.kind === "found" ? found(reading.value.properties) : reading;
  };
  const tableSetting = tableEndpointSetting(name);
  const accounts = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Storage/storageAccounts`;
  const accountCalled = (own: string) =>
    get(`${accounts}/${own}`, STORAGE, account, "Microsoft.Storage/storageAccounts/read");
  const accountOfSettings: AzureService["account"] = (purpose) => () =>
    following(readSettings, (values) => {
      const setting = purpose === "host" ? "AzureWebJobsStorage__blobServiceUri" : tableSetting;
      const [, own = "none"] = /^https:\/\/([a-z0-9]+)\./.exec(values[setting] ?? "") ?? [];
      return accountCalled(own)();
    });
  /** Without the settings: the account in the resource group that has the template's prefix and lets in the service's subnet. */
  const accountOfSubnet: AzureService["account"] = (purpose) => () =>
    following(list(accounts, STORAGE, named, "Microsoft.Storage/storageAccounts/read"), async (all) => {
      const candidates: v.InferOutput<typeof account>[] = [];
      for (const { name: own } of all.filter((one) => one.name.startsWith(`st${purpose}`))) {
        const reading = await accountCalled(own)();
        if (reading.kind !== "found") return reading;
        const networks = reading.value.properties.networkAcls?.virtualNetworkRules ?? [];
        if (networks.some(({ id }) => id.toLowerCase() === subnetId.toLowerCase())) candidates.push(reading.value);
      }
      const [only, ...others] = candidates;
      if (only === undefined)
        return { kind: "missing", what: `A storage account st${purpose}... that lets in ${subnetId}` };
      if (others.length === 0) return found(only);
      return unreadable(
        `Several storage accounts let in ${subnetId}: ${candidates.map((one) => one.name).join(", ")}.`,
      );
    });
  const readAccount = arm.readOnly ? accountOfSubnet : accountOfSettings;

  const readKey =
    (what: string, pick: (keys: v.InferOutput<typeof hostKeys>) => string | null | undefined) =>
    async (): Promise<Reading<string>> => {
      const path = `${siteId}/host/default/listKeys?api-version=${WEB}`;
      const reading = await arm.post(path, hostKeys, contributor("Microsoft.Web/sites/host/listkeys/action"));
      if (reading.kind !== "found") return reading;
      const key = pick(reading.value);
      return typeof key === "string" ? found(key) : { kind: "missing", what };
    };

  const sites = "Microsoft.Web/sites";
  const networks = "Microsoft.Network";
  return {
    site: get(siteId, WEB, site, `${sites}/read`),
    config: get(`${siteId}/config/web`, WEB, config, `${sites}/config/read`),
    settings: readSettings,
    authentication: get(`${siteId}/config/authsettingsV2`, WEB, authentication, `${sites}/config/read`),
    publishing: (what) =>
      get(
        `${siteId}/basicPublishingCredentialsPolicies/${what}`,
        WEB,
        publishing,
        `${sites}/basicPublishingCredentialsPolicies/read`,
      ),
    slots: list(`${siteId}/slots`, WEB, named, `${sites}/slots/read`),
    privateEndpoints: list(
      `${siteId}/privateEndpointConnections`,
      WEB,
      connection,
      `${sites}/privateEndpointConnections/read`,
    ),
    identity: readIdentity,
    identityFederation: list(
      `${identityId}/federatedIdentityCredentials`,
      IDENTITY,
      federation,
      `${identityType}/federatedIdentityCredentials/read`,
    ),
    // https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-view-associated-resources-for-an-identity
    resourcesOfIdentity: () =>
      arm.list(
        `${identityId}/listAssociatedResources?api-version=${ASSOCIATED_RESOURCES}`,
        named,
        `${identityType}/listAssociatedResources/action, of the Azure role Managed Identity Contributor`,
        "POST",
      ),
    functions: list(`${siteId}/functions`, WEB, functionEnvelope, `${sites}/functions/read`),
    subnet: subnetAt(arm, subnetId),
    securityGroup: get(
      expectedSubnet.networkSecurityGroup?.id ?? "",
      NETWORK,
      securityGroup,
      `${networks}/networkSecurityGroups/read`,
    ),
    sitesOfPlan: list(`${planId}/sites`, WEB, named, "Microsoft.Web/serverfarms/sites/read"),
    account: readAccount,
    dataRoles: (purpose) => () => following(readAccount(purpose), ({ id }) => dataRolesOn(arm, id)),
    functionKey: readKey("A function key", ({ functionKeys }) => Object.values(functionKeys ?? {})[0]),
    masterKey: readKey("A master key", ({ masterKey }) => masterKey),
  };
}

/** A subnet, also one of another team. */
export function subnetAt(arm: AzureApi, id: string): Read<AzureSubnet> {
  const permission = reader("Microsoft.Network/virtualNetworks/subnets/read");
  return () => arm.get(`${id}?api-version=${NETWORK}`, subnet, permission);
}

function reader(permission: string): string {
  return `${permission}, of the Azure role Reader`;
}

/**
 * The roles on a resource that have data actions. Without a filter, the list has the assignments on the resource, above it and
 * below it.
 *
 * @see https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
 */
async function dataRolesOn(arm: AzureApi, id: string): Promise<Reading<readonly DataRole[]>> {
  const path = `${id}/providers/Microsoft.Authorization/roleAssignments?api-version=${AUTHORIZATION}`;
  const permission = (what: string): string => reader(`Microsoft.Authorization/${what}/read`);
  const assignments = await arm.list(path, roleAssignment, permission("roleAssignments"));
  if (assignments.kind !== "found") return assignments;
  const roles: DataRole[] = [];
  for (const { id: assignmentId, properties } of assignments.value) {
    const { roleDefinitionId, principalId, principalType, scope } = properties;
    const roleId = roleDefinitionId.split("/").at(-1) ?? "";
    // At the scope of the resource group: the definition's own id needs a permission on the subscription.
    const [group = ""] = id.split("/providers/");
    const definition = await arm.get(
      `${group}/providers/Microsoft.Authorization/roleDefinitions/${roleId}?api-version=${AUTHORIZATION}`,
      roleDefinition,
      permission("roleDefinitions"),
    );
    if (definition.kind !== "found") return definition;
    const { permissions, roleName } = definition.value.properties;
    if (!permissions.some(({ dataActions }) => (dataActions ?? []).some(isOfStorage))) continue;
    roles.push({
      assignmentId,
      roleId,
      roleName: roleName ?? roleId,
      principalId,
      principalType: principalType ?? "Principal",
      scope: scope ?? id,
    });
  }
  return found(roles);
}

/** Wildcards may stand anywhere in an action: https://learn.microsoft.com/azure/role-based-access-control/role-definitions */
function isOfStorage(action: string): boolean {
  const [provider = ""] = action.split("/");
  return provider.includes("*") || provider.toLowerCase() === "microsoft.storage";
}
