// What a healthy deployment of the access policy answers, in the form of the examples that Microsoft publishes (a test
// holds the two together). Written down by hand, apart from the templates and from the code under test; only what the
// templates state besides is echoed, as Resource Manager does.
import { readDeployment } from "../../deployed/environment.ts";
import { expectedOf } from "../../deployed/expected.ts";

export const ids = {
  subscription: "11111111-1111-4111-8111-111111111111",
  tenant: "22222222-2222-4222-8222-222222222222",
  callerClient: "33333333-3333-4333-8333-333333333331",
  callerPrincipal: "33333333-3333-4333-8333-333333333332",
  calleeClient: "44444444-4444-4444-8444-444444444441",
  calleePrincipal: "44444444-4444-4444-8444-444444444442",
  api: "55555555-5555-4555-8555-555555555551",
  apiObject: "55555555-5555-4555-8555-555555555552",
  apiPrincipal: "55555555-5555-4555-8555-555555555553",
  client: "66666666-6666-4666-8666-666666666661",
  clientObject: "66666666-6666-4666-8666-666666666662",
  clientPrincipal: "66666666-6666-4666-8666-666666666663",
  batchClient: "77777777-7777-4777-8777-777777777771",
  batchPrincipal: "77777777-7777-4777-8777-777777777772",
  partnerClient: "88888888-8888-4888-8888-888888888881",
  partnerPrincipal: "88888888-8888-4888-8888-888888888882",
} as const;

/** The client ids that may call the callee. */
export const allowList = [ids.callerClient, ids.batchClient, ids.partnerClient];

export const roles = {
  "Records.Read": "dd85470b-379f-49da-a896-e7f39cab2dd9",
  "Records.Write": "fcdbae01-83f7-4b1e-90e8-981b0490dc87",
  "Records.Manage": "edeceeda-7fe0-4d76-afec-c305e4901704",
} as const;

export const SUFFIX = "abcdefghijklm";
export const HERE = "203.0.113.7";
export const AUTHORITY = "https://login.microsoftonline.com";

/** Texts that must show nowhere: one in each place where a secret can be. */
export const MARKERS = {
  setting: "marker-in-a-setting-0123456789",
  contentKey: "marker-in-the-content-key-0123456789",
  functionKey: "marker-function-key-0123456789",
  masterKey: "marker-master-key-0123456789",
  token: "marker-token-of-resource-manager-0123456789",
} as const;

const group = `/subscriptions/${ids.subscription}/resourceGroups/rg-prod`;
export const resource = {
  site: (service: string): string => `${group}/providers/Microsoft.Web/sites/${service}-${SUFFIX}`,
  plan: (service: string): string => `${group}/providers/Microsoft.Web/serverfarms/plan-${service}-${SUFFIX}`,
  identity: (service: string): string =>
    `${group}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-${service}-${SUFFIX}`,
  subnet: (service: string): string =>
    `${group}/providers/Microsoft.Network/virtualNetworks/vnet-${SUFFIX}/subnets/${service}`,
  securityGroup: (service: string): string =>
    `${group}/providers/Microsoft.Network/networkSecurityGroups/nsg-${service}-${SUFFIX}`,
  /** Of the external caller batch-jobs. */
  externalSubnet:
    "/subscriptions/00000000-0000-0000-0000-000000000006/resourceGroups/rg-cluster/providers/Microsoft.Network/virtualNetworks/vnet-cluster/subnets/snet-nodes",
  account: (name: string): string => `${group}/providers/Microsoft.Storage/storageAccounts/${name}`,
};

/** An answer by address, without the query; the longer address of two that fit decides. */
export type Answers = Record<string, Answer>;
export interface Answer {
  status: number;
  body: unknown;
  /** In place of the status, for who has the key of the Functions host. */
  withMasterKey?: number;
  headers?: Record<string, string>;
  /** The first so many requests get these in place of it. */
  before?: { status: number; headers?: Record<string, string> }[];
}

/**
 * Changes one thing in an answer's body, in place.
 *
 * @param path the members that lead there, with dots between them
 * @param changed gets what is there
 */
export function change(answers: Answers, address: string, path: string, changed: (value: unknown) => unknown): void {
  const answer = answers[address];
  if (answer === undefined) throw new Error(`Nothing answers ${address}.`);
  answer.body = within(answer.body, path === "" ? [] : path.split("."), changed);
}

function within(value: unknown, [name, ...rest]: readonly string[], changed: (value: unknown) => unknown): unknown {
  if (name === undefined) return changed(value);
  const holder = (value ?? {}) as Record<string, unknown>;
  const next = within(holder[name], rest, changed);
  if (Array.isArray(value)) return value.map((item: unknown, i) => (String(i) === name ? next : item));
  return { ...holder, [name]: next };
}

export const scm = (service: string): string => `scm:${service}`;
export const main = (service: string): string => `main:${service}`;

/** What azd knows of the deployment. */
export function environmentOf(urls: Readonly<Record<string, string>>): Record<string, string> {
  return {
    AZURE_ENV_NAME: "prod",
    AZURE_SUBSCRIPTION_ID: ids.subscription,
    AZURE_TENANT_ID: ids.tenant,
    AZURE_RESOURCE_GROUP: "rg-prod",
    RESTRICTED_DEPLOYER_ADDRESS_RANGES: `${HERE}/32`,
    SERVICES: JSON.stringify(
      ["callee-func", "caller-func"].map((name) => ({ name, siteName: `${name}-${SUFFIX}`, url: urls[name] ?? "" })),
    ),
  };
}

/** What is different with each start of the tests. */
export interface Situation {
  /** The origin of each service. */
  readonly urls: Readonly<Record<string, string>>;
  /** The entry point of each service's package, as its build names it. */
  readonly entryPoints: Readonly<Record<string, string>>;
}

const ACCOUNTS = ["sthostcallee", "stdatacallee", "sthostcaller", "stdatacaller"];

/** Everything as it must be. */
export function healthy(situation: Situation): Answers {
  return withEchoes(byHand(situation), environmentOf(situation.urls));
}

/** The answers that are written down here: none of them is from the templates. */
export function byHand({ urls, entryPoints }: Situation): Answers {
  return {
    ...functionAnswers(entryPoints),
    ...roleDefinitions(),
    ...azureAnswers("callee-func", ids.calleeClient, ids.calleePrincipal, {
      API_CLIENT_ID: ids.api,
      API_IDENTIFIER_URI: `api://${ids.tenant}/callee-func-${SUFFIX}`,
      ALLOWED_CALLERS: allowList.join(","),
      INITIAL_RECORDS: '{"first": 1, "second": 2}',
      RECORDS_TABLE_ENDPOINT: "https://stdatacallee.table.core.windows.net",
    }),
    ...azureAnswers("caller-func", ids.callerClient, ids.callerPrincipal, {
      CALLEE_URL: urls["callee-func"] ?? "",
      CALLEE_SCOPE: `api://${ids.tenant}/callee-func-${SUFFIX}/.default`,
      CALLER_CREDENTIAL: "managed-identity",
      DELIVERY_SCHEDULE: "0 * * * * *",
      RETENTION_DAYS: "30",
      WORK_TABLE_ENDPOINT: "https://stdatacaller.table.core.windows.net",
    }),
    ...Object.fromEntries(
      ["caller-func", "callee-func"].map((service) => [
        `POST ${resource.site(service)}/host/default/listKeys`,
        ok({
          masterKey: MARKERS.masterKey,
          functionKeys: { default: MARKERS.functionKey },
          systemKeys: {},
        }),
      ]),
    ),
    // The subnet of another team, which has what that team needs.
    [`GET ${resource.externalSubnet}`]: ok({
      id: resource.externalSubnet,
      name: "snet-nodes",
      properties: {
        addressPrefix: "10.9.0.0/22",
        provisioningState: "Succeeded",
        delegations: [],
        serviceEndpoints: [
          { service: "Microsoft.Sql", locations: ["westeurope"], provisioningState: "Succeeded" },
          { service: "Microsoft.Web", locations: ["*"], provisioningState: "Succeeded" },
        ],
      },
    }),
    // The storage accounts of the resource group, and one of somebody else there.
    [`GET ${group}/providers/Microsoft.Storage/storageAccounts`]: ok({
      value: [...ACCOUNTS, "othersaccount"].map((name) => ({ id: resource.account(name), name })),
    }),
    ...graphAnswers(),
    ...siteAnswers(),
  };
}

function azureAnswers(service: string, clientId: string, principalId: string, settings: object): Answers {
  const site = resource.site(service);
  const caller = resource.subnet("caller-func");
  const allow = { action: "Allow", tag: "Default" };
  const own = service.replace("-func", "");
  return {
    // Of the published example: WebApps_Get. `identity` is built on it: the example is of a site without one.
    [`GET ${site}`]: ok({
      id: site,
      name: `${service}-${SUFFIX}`,
      type: "Microsoft.Web/sites",
      kind: "functionapp,linux",
      location: "West Europe",
      identity: {
        type: "UserAssigned",
        userAssignedIdentities: {
          // Resource Manager is known to change the case of names in ids.
          [resource.identity(service).replace("resourceGroups", "resourcegroups")]: { clientId, principalId },
        },
      },
      properties: {
        state: "Running",
        defaultHostName: `${service}-${SUFFIX}.azurewebsites.net`,
        httpsOnly: true,
        publicNetworkAccess: "Enabled",
        reserved: true,
        serverFarmId: resource.plan(service),
        virtualNetworkSubnetId: resource.subnet(service),
        outboundVnetRouting: {
          allTraffic: true,
          applicationTraffic: true,
          backupRestoreTraffic: false,
          contentShareTraffic: true,
          imagePullTraffic: false,
        },
        sshEnabled: false,
        endToEndEncryptionEnabled: false,
        functionsRuntimeAdminIsolationEnabled: true,
        siteConfig: { minTlsVersion: "1.2", scmMinTlsVersion: "1.2", linuxFxVersion: "NODE|24" },
      },
    }),
    // WebApps_GetConfiguration. The rules are built on it: the example has none. The platform adds the last of each.
    [`GET ${site}/config/web`]: ok({
      id: `${site}/config/web`,
      name: "web",
      type: "Microsoft.Web/sites/config",
      properties: {
        minTlsVersion: "1.2",
        scmMinTlsVersion: "1.2",
        ftpsState: "Disabled",
        remoteDebuggingEnabled: false,
        http20Enabled: true,
        linuxFxVersion: "NODE|24",
        appCommandLine: "",
        ipSecurityRestrictions: [
          ...(service === "callee-func"
            ? [
                { vnetSubnetResourceId: caller, ...allow, priority: 100, name: "caller-func" },
                { vnetSubnetResourceId: resource.externalSubnet, ...allow, priority: 101, name: "batch-jobs" },
                { ipAddress: "203.0.113.128/28", ...allow, priority: 300, name: "partner-gateway" },
                { ipAddress: "3fff:a::/48", ...allow, priority: 301, name: "partner-gateway" },
              ]
            : [{ ipAddress: `${HERE}/32`, ...allow, priority: 200, name: "ingress-1" }]),
          denyAll(),
        ],
        ipSecurityRestrictionsDefaultAction: "Deny",
        scmIpSecurityRestrictions: [
          { ipAddress: `${HERE}/32`, action: "Allow", tag: "Default", priority: 100, name: "deployer-1" },
          denyAll(),
        ],
        scmIpSecurityRestrictionsDefaultAction: "Deny",
        scmIpSecurityRestrictionsUseMain: false,
      },
    }),
    [`POST ${site}/config/appsettings/list`]: ok({
      id: `${site}/config/appsettings`,
      name: "appsettings",
      type: "Microsoft.Web/sites/config",
      properties: {
        APPLICATIONINSIGHTS_AUTHENTICATION_STRING: `ClientId=${clientId};Authorization=AAD`,
        APPLICATIONINSIGHTS_CONNECTION_STRING: MARKERS.setting,
        AZURE_AUTHORITY_HOST: AUTHORITY,
        AZURE_CLIENT_ID: clientId,
        AZURE_TENANT_ID: ids.tenant,
        AzureWebJobsDisableHomepage: "true",
        AzureWebJobsStorage__blobServiceUri: `https://sthost${own}.blob.core.windows.net`,
        AzureWebJobsStorage__clientId: clientId,
        AzureWebJobsStorage__credential: "managedidentity",
        AzureWebJobsStorage__queueServiceUri: `https://sthost${own}.queue.core.windows.net`,
        AzureWebJobsStorage__tableServiceUri: `https://sthost${own}.table.core.windows.net`,
        FUNCTIONS_EXTENSION_VERSION: "~4",
        FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: "131072",
        FUNCTIONS_WORKER_RUNTIME: "node",
        WEBSITE_CONTENTAZUREFILECONNECTIONSTRING: MARKERS.contentKey,
        WEBSITE_CONTENTSHARE: `${service}-content`,
        WEBSITE_RUN_FROM_PACKAGE: "1",
        WEBSITE_SKIP_CONTENTSHARE_VALIDATION: "1",
        ...settings,
      },
    }),
    // WebApps_GetFtpAllowed, WebApps_GetScmAllowed.
    [`GET ${site}/basicPublishingCredentialsPolicies/ftp`]: ok({
      id: `${site}/basicPublishingCredentialsPolicies/ftp`,
      properties: { allow: false },
    }),
    [`GET ${site}/basicPublishingCredentialsPolicies/scm`]: ok({
      id: `${site}/basicPublishingCredentialsPolicies/scm`,
      properties: { allow: false },
    }),
    // The form of WebApps_GetAuthSettingsV2WithoutSecrets, as App Service has it where nobody has set anything.
    [`GET ${site}/config/authsettingsV2`]: ok({
      id: `${site}/config/authsettingsV2`,
      name: "authsettingsV2",
      type: "Microsoft.Web/sites/config",
      properties: { platform: { enabled: false, runtimeVersion: "~1" }, globalValidation: {}, identityProviders: {} },
    }),
    // UserAssignedIdentities_ListAssociatedResources of 2021-09-30-preview: types are in lower case there.
    [`POST ${resource.identity(service)}/listAssociatedResources`]: ok({
      totalCount: 1,
      value: [
        {
          id: site,
          name: `${service}-${SUFFIX}`,
          type: "microsoft.web/sites",
          resourceGroup: "rg-prod",
          subscriptionId: ids.subscription,
          subscriptionDisplayName: "Production",
        },
      ],
    }),
    // Lists of which no example is at hand: the pages of Resource Manager, with ids and names.
    [`GET ${site}/slots`]: ok({ value: [] }),
    [`GET ${site}/privateEndpointConnections`]: ok({ value: [] }),
    [`GET ${resource.plan(service)}/sites`]: ok({ value: [{ id: site, name: `${service}-${SUFFIX}` }] }),
    // UserAssignedIdentities_Get.
    [`GET ${resource.identity(service)}`]: ok({
      id: resource.identity(service),
      name: `id-${service}-${SUFFIX}`,
      type: "Microsoft.ManagedIdentity/userAssignedIdentities",
      location: "westeurope",
      properties: { clientId, principalId, tenantId: ids.tenant, isolationScope: "None" },
    }),
    [`GET ${resource.identity(service)}/federatedIdentityCredentials`]: ok({ value: [] }),
    // Subnets_Get.WithDelegation. `serviceEndpoints` is built on it.
    [`GET ${resource.subnet(service)}`]: ok({
      id: resource.subnet(service),
      name: service,
      properties: {
        addressPrefix: "10.0.0.0/26",
        provisioningState: "Succeeded",
        networkSecurityGroup: { id: resource.securityGroup(service) },
        delegations: [
          {
            id: `${resource.subnet(service)}/delegations/app-service`,
            name: "app-service",
            properties: { actions: [], provisioningState: "Succeeded", serviceName: "Microsoft.Web/serverFarms" },
          },
        ],
        serviceEndpoints: [
          { service: "Microsoft.Storage", locations: ["westeurope"], provisioningState: "Succeeded" },
          { service: "Microsoft.Web", locations: ["*"], provisioningState: "Succeeded" },
        ],
        // The form of ServiceAssociationLinks_List; name, type and link as deployments show them.
        serviceAssociationLinks: [
          {
            id: `${resource.subnet(service)}/serviceAssociationLinks/AppServiceLink`,
            name: "AppServiceLink",
            properties: {
              allowDelete: false,
              link: resource.plan(service),
              linkedResourceType: "Microsoft.Web/serverfarms",
              locations: [],
              provisioningState: "Succeeded",
            },
          },
        ],
      },
    }),
    // NetworkSecurityGroups_Get.
    [`GET ${resource.securityGroup(service)}`]: ok({
      id: resource.securityGroup(service),
      name: `nsg-${service}-${SUFFIX}`,
      type: "Microsoft.Network/networkSecurityGroups",
      location: "westeurope",
      properties: {
        provisioningState: "Succeeded",
        securityRules: [
          ...["AzureActiveDirectory:443", "AzureMonitor:443", "AppService:443", "Storage:443", "Storage:445"].map(
            (to, i) => outboundRule("Allow", "Tcp", 100 + i, to),
          ),
          outboundRule("Deny", "*", 4000, "VirtualNetwork:22,3389"),
          outboundRule("Deny", "*", 4096, "*:0-65535"),
        ],
      },
    }),
    ...accountAnswer(`sthost${own}`, service, true),
    ...accountAnswer(`stdata${own}`, service, false),
    ...roleAssignments(`sthost${own}`, principalId, ["Storage Blob Data Owner", "Storage Table Data Contributor"]),
    ...roleAssignments(`stdata${own}`, principalId, ["Storage Table Data Contributor"]),
  };
}

/** StorageAccounts_GetProperties. What closes an account is built on it: the example's is open. */
function accountAnswer(name: string, service: string, allowSharedKeyAccess: boolean): Answers {
  return {
    [`GET ${resource.account(name)}`]: ok({
      id: resource.account(name),
      name,
      type: "Microsoft.Storage/storageAccounts",
      kind: "StorageV2",
      location: "westeurope",
      sku: { name: "Standard_LRS", tier: "Standard" },
      properties: {
        allowSharedKeyAccess,
        allowBlobPublicAccess: false,
        minimumTlsVersion: "TLS1_2",
        supportsHttpsTrafficOnly: true,
        sasPolicy: { sasExpirationPeriod: "7.00:00:00", expirationAction: "Block" },
        networkAcls: {
          bypass: "None",
          defaultAction: "Deny",
          ipRules: [],
          resourceAccessRules: [],
          virtualNetworkRules: [{ id: resource.subnet(service), action: "Allow", state: "Succeeded" }],
        },
      },
    }),
  };
}

/** Resource Manager answers one port in `destinationPortRange`, and several in `destinationPortRanges`. */
export function outboundRule(access: string, protocol: string, priority: number, to: string): object {
  const [destinationAddressPrefix = "", ports = ""] = to.split(":");
  const range = access === "Deny" ? { destinationPortRanges: ports.split(",") } : { destinationPortRange: ports };
  return {
    name: `rule-${priority}`,
    properties: {
      provisioningState: "Succeeded",
      ...{ access, direction: "Outbound", priority, protocol, sourceAddressPrefix: "*", sourcePortRange: "*" },
      ...{ sourceAddressPrefixes: [], destinationAddressPrefix, destinationAddressPrefixes: [], ...range },
    },
  };
}

/** Built-in roles, by name: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles */
const azureRoles = {
  Owner: { id: "8e3af657-a8ff-443c-a75c-2fe8c4bcb635", dataActions: [] },
  "Storage Blob Data Owner": {
    id: "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    dataActions: ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/*"],
  },
  "Storage Table Data Contributor": {
    id: "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
    dataActions: ["Microsoft.Storage/storageAccounts/tableServices/tables/entities/write"],
  },
  "Storage Table Data Reader": {
    id: "76199698-9eea-4c19-bc75-cec21354c6b6",
    dataActions: ["Microsoft.Storage/storageAccounts/tableServices/tables/entities/read"],
  },
  "Defender for Storage Data Scanner": {
    id: "1e7ca9b1-60d1-4db8-a914-f2ca1ff27c40",
    dataActions: ["Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"],
  },
  "A role of one's own": { id: "99999999-9999-4999-8999-999999999999", dataActions: ["*/read"] },
} as const;

type AzureRole = keyof typeof azureRoles;

const definition = (role: AzureRole): string =>
  `/subscriptions/${ids.subscription}/providers/Microsoft.Authorization/roleDefinitions/${azureRoles[role].id}`;

/** RoleDefinitions_GetById of 2022-04-01. */
function roleDefinitions(): Answers {
  return Object.fromEntries(
    Object.entries(azureRoles).map(([roleName, { id, dataActions }]) => [
      `GET ${group}${definition(roleName as AzureRole).slice(`/subscriptions/${ids.subscription}`.length)}`,
      ok({
        id: definition(roleName as AzureRole),
        name: id,
        type: "Microsoft.Authorization/roleDefinitions",
        properties: {
          roleName,
          type: "BuiltInRole",
          description: roleName,
          assignableScopes: ["/"],
          permissions: [{ actions: ["*"], notActions: [], dataActions, notDataActions: [] }],
        },
      }),
    ]),
  );
}

/** RoleAssignments_ListForScope. Whoever may deploy is among them: their role has no data action. */
function roleAssignments(account: string, principalId: string, names: readonly AzureRole[]): Answers {
  const scope = resource.account(account);
  return {
    [`GET ${scope}/providers/Microsoft.Authorization/roleAssignments`]: ok({
      value: [
        ...names.map((role) => hasRole(role, scope, principalId)),
        hasRole("Owner", `/subscriptions/${ids.subscription}`, ids.client, "User"),
      ],
    }),
  };
}

export function hasRole(
  role: AzureRole,
  scope: string,
  principalId: string = ids.client,
  principalType = "ServicePrincipal",
): object {
  return {
    id: `${scope}/providers/Microsoft.Authorization/roleAssignments/assignment-of-${azureRoles[role].id}`,
    name: `assignment-of-${azureRoles[role].id}`,
    type: "Microsoft.Authorization/roleAssignments",
    properties: { roleDefinitionId: definition(role), principalId, principalType, scope },
  };
}

/** No example is at hand: FunctionEnvelope of Microsoft.Web, its `config` as the Functions host fills it in. */
function functionAnswers(entryPoints: Readonly<Record<string, string>>): Answers {
  const http = (method: string, route: string, authLevel: string): object[] => [
    { type: "httpTrigger", direction: "in", authLevel, methods: [method], route, name: "httpTrigger1a2b3c" },
    { type: "http", direction: "out", name: "$return" },
  ];
  const functions: Readonly<Record<string, Readonly<Record<string, object[]>>>> = {
    "callee-func": {
      getRecord: http("GET", "records/{id}", "anonymous"),
      health: http("GET", "health", "anonymous"),
      writeEntry: http("PUT", "entries/{entryId}", "anonymous"),
      setRecord: http("PUT", "records/{id}", "anonymous"),
    },
    "caller-func": {
      deliverWork: [
        { type: "timerTrigger", direction: "in", schedule: "%DELIVERY_SCHEDULE%", name: "timerTrigger1a2b3c" },
      ],
      getWork: http("GET", "work/{workId}", "function"),
      listWork: http("GET", "work", "function"),
      submitWork: http("POST", "work", "function"),
      retryWork: http("POST", "work/{workId}/retry", "function"),
    },
  };
  return Object.fromEntries(
    Object.entries(functions).map(([service, list]) => [
      `GET ${resource.site(service)}/functions`,
      ok({
        value: Object.entries(list).map(([name, bindings]) => ({
          id: `${resource.site(service)}/functions/${name}`,
          name: `${service}-${SUFFIX}/${name}`,
          type: "Microsoft.Web/sites/functions",
          location: "West Europe",
          properties: {
            config: {
              name,
              entryPoint: null,
              scriptFile: entryPoints[service],
              language: "node",
              functionDirectory: "/home/site/wwwroot",
              bindings,
            },
            href: `https://${service}-${SUFFIX}.azurewebsites.net/admin/functions/${name}`,
            isDisabled: false,
            language: "node",
          },
        })),
      }),
    ]),
  );
}

/** What the templates state, as Resource Manager answers it: with all that it knows besides. What is written by hand stays. */
function withEchoes(written: Answers, environment: Record<string, string>): Answers {
  const deployment = readDeployment(environment);
  const { services, resources } = expectedOf(deployment);
  const accounts = services.flatMap(({ name, accounts: { host, data } }) => [
    [host.madeUpName, `sthost${name.replace("-func", "")}`],
    [data.madeUpName, `stdata${name.replace("-func", "")}`],
  ]);
  const answers = { ...written };
  const echo = (id: string, properties: object): void => {
    const address = `GET ${accounts.reduce((text, [madeUp = "", own = ""]) => text.replace(madeUp, own), id)}`;
    const body = (answers[address]?.body ?? { id }) as { properties?: object };
    answers[address] = ok({ ...body, properties: merged(properties, body.properties ?? {}) });
  };
  for (const { id, properties } of resources) {
    const { siteConfig, ...others } = properties as { siteConfig?: object };
    echo(id, { ...others, provisioningState: "Succeeded" });
    // Settings do not come back with it.
    if (siteConfig !== undefined) echo(`${id}/config/web`, { ...siteConfig, appSettings: null });
  }
  return answers;
}

function merged(stated: object, written: object): object {
  const both = Object.entries(written).map(([name, value]: [string, unknown]) => {
    const other = (stated as Record<string, unknown>)[name];
    const isObject = [value, other].every((one) => typeof one === "object" && one !== null && !Array.isArray(one));
    return [name, isObject ? merged(other as object, value as object) : value];
  });
  return { ...stated, ...(Object.fromEntries(both) as object) };
}

function denyAll(): object {
  return {
    ipAddress: "Any",
    action: "Deny",
    priority: 2147483647,
    name: "Deny all",
    description: "Deny all access",
  };
}

/** The service principal of a managed identity, as servicePrincipal-get. */
function identityPrincipal(clientId: string, id: string): Answers {
  return {
    [`GET /v1.0/servicePrincipals(appId='${clientId}')`]: ok({
      id,
      appId: clientId,
      accountEnabled: true,
      appRoleAssignmentRequired: false,
      passwordCredentials: [],
      keyCredentials: [],
      servicePrincipalType: "ManagedIdentity",
    }),
  };
}

function graphAnswers(): Answers {
  return {
    ...identityPrincipal(ids.callerClient, ids.callerPrincipal),
    ...identityPrincipal(ids.calleeClient, ids.calleePrincipal),
    ...identityPrincipal(ids.batchClient, ids.batchPrincipal),
    ...identityPrincipal(ids.partnerClient, ids.partnerPrincipal),
    // application-get, servicePrincipal-get; the role is of servicePrincipal-get-select-appRoles.
    [`GET /v1.0/applications(uniqueName='callee-func-${SUFFIX}')`]: ok({
      id: ids.apiObject,
      appId: ids.api,
      displayName: "callee-func (prod)",
      identifierUris: [`api://${ids.tenant}/callee-func-${SUFFIX}`],
      signInAudience: "AzureADMyOrg",
      api: { requestedAccessTokenVersion: 2, oauth2PermissionScopes: [], preAuthorizedApplications: [] },
      appRoles: Object.entries(roles).map(([value, id]) => ({
        allowedMemberTypes: ["Application"],
        description: value,
        displayName: value,
        id,
        isEnabled: true,
        origin: "Application",
        value,
      })),
      passwordCredentials: [],
      keyCredentials: [],
    }),
    [`GET /v1.0/servicePrincipals(appId='${ids.api}')`]: ok({
      id: ids.apiPrincipal,
      appId: ids.api,
      accountEnabled: true,
      appRoleAssignmentRequired: true,
      passwordCredentials: [],
      keyCredentials: [],
    }),
    [`GET /v1.0/applications/${ids.apiObject}/federatedIdentityCredentials`]: ok({ value: [] }),
    // servicePrincipal-list-appRoleAssignedTo. Two pages: `@odata.nextLink` is as Graph pages any list.
    [`GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo`]: ok({
      value: [
        assigned("assignment-1", roles["Records.Read"]),
        assigned("assignment-of-batch-jobs", roles["Records.Read"], ids.batchPrincipal),
        assigned("assignment-of-partner", roles["Records.Write"], ids.partnerPrincipal),
      ],
      "@odata.nextLink": `{graph}/v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo/page2?$skiptoken=x`,
    }),
    [`GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo/page2`]: ok({
      value: [assigned("assignment-2", roles["Records.Write"])],
    }),
  };
}

export function assigned(id: string, appRoleId: string, principalId: string = ids.callerPrincipal): object {
  return {
    id,
    deletedDateTime: null,
    appRoleId,
    createdDateTime: "2026-09-02T04:22:45.9480566Z",
    principalDisplayName: principalId === ids.callerPrincipal ? `id-caller-func-${SUFFIX}` : "Somebody",
    principalId,
    principalType: "ServicePrincipal",
    resourceDisplayName: "callee-func (prod)",
    resourceId: ids.apiPrincipal,
  };
}

/** The sites, as this machine reaches them: it is in the deployers' and the ingress ranges. */
function siteAnswers(): Answers {
  const work = (state: string): object => ({ workId: "{workId}", state, attempts: 1 });
  return {
    [main("callee-func")]: forbidden(),
    // docs/deploy-decisions.md, "The host's own endpoints".
    [`GET ${main("caller-func")}/`]: { status: 204, body: "" },
    [`GET ${main("caller-func")}/admin/`]: { status: 200, body: "" },
    [`GET ${main("caller-func")}/admin/host/`]: { status: 401, body: "", withMasterKey: 403 },
    [`GET ${main("caller-func")}/admin/host/ping`]: { status: 200, body: "" },
    [`GET ${main("caller-func")}/admin/functions`]: { status: 401, body: "", withMasterKey: 403 },
    [`GET ${main("caller-func")}/admin/instance/`]: { status: 401, body: "", withMasterKey: 403 },
    [`GET ${main("caller-func")}/admin/instance/http-health`]: { status: 200, body: "" },
    [`GET ${main("caller-func")}/admin/vfs/`]: { status: 401, body: "" },
    [`GET ${main("caller-func")}/runtime/webhooks/`]: { status: 401, body: "", withMasterKey: 404 },
    [`GET ${main("caller-func")}/api/work`]: { status: 401, body: "" },
    [`POST ${main("caller-func")}/api/work`]: { status: 201, body: work("done") },
    [`GET ${main("caller-func")}/api/work/`]: ok(work("done")),
    [scm("callee-func")]: { status: 401, body: "", headers: { "www-authenticate": 'Basic realm="site"' } },
    [scm("caller-func")]: { status: 401, body: "", headers: { "www-authenticate": 'Basic realm="site"' } },
  };
}

/** As App Service's front end refuses. */
export function forbidden(address: string = HERE): Answer {
  return {
    status: 403,
    body: "<!DOCTYPE html><html><body><h1>Error 403 - Forbidden</h1></body></html>",
    headers: { "content-type": "text/html", "x-ms-forbidden-ip": address },
  };
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}
