// What a healthy deployment of the access policy answers, in the form of the examples that Microsoft publishes (a test
// holds the two together). Written down by hand, apart from the templates and from the code under test.

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
} as const;

export const roles = {
  "Inventory.Read": "dd85470b-379f-49da-a896-e7f39cab2dd9",
  "Inventory.Reserve": "fcdbae01-83f7-4b1e-90e8-981b0490dc87",
  "Inventory.Manage": "edeceeda-7fe0-4d76-afec-c305e4901704",
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
  account: (name: string): string => `${group}/providers/Microsoft.Storage/storageAccounts/${name}`,
};

/** An answer by address, without the query; the longer address of two that fit decides. */
export type Answers = Record<string, Answer>;
export interface Answer {
  status: number;
  body: unknown;
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

/** Everything as it must be. */
export function healthy(urls: Readonly<Record<string, string>>): Answers {
  return {
    ...azureAnswers("callee-func", ids.calleeClient, ids.calleePrincipal, {
      API_CLIENT_ID: ids.api,
      API_IDENTIFIER_URI: `api://${ids.tenant}/callee-func-${SUFFIX}`,
      ALLOWED_CALLERS: ids.callerClient,
      INITIAL_STOCK: MARKERS.setting,
      INVENTORY_TABLE_ENDPOINT: "https://stdatacallee.table.core.windows.net",
    }),
    ...azureAnswers("caller-func", ids.callerClient, ids.callerPrincipal, {
      CALLEE_URL: urls["callee-func"] ?? "",
      CALLEE_SCOPE: `api://${ids.tenant}/callee-func-${SUFFIX}/.default`,
      CALLER_CREDENTIAL: "managed-identity",
      DELIVERY_SCHEDULE: "0 * * * * *",
      RETENTION_DAYS: "30",
      ORDERS_TABLE_ENDPOINT: "https://stdatacaller.table.core.windows.net",
    }),
    [`POST ${resource.site("caller-func")}/host/default/listKeys`]: ok({
      masterKey: MARKERS.masterKey,
      functionKeys: { default: MARKERS.functionKey },
      systemKeys: {},
    }),
    ...graphAnswers(),
    ...siteAnswers(),
  };
}

function azureAnswers(service: string, clientId: string, principalId: string, settings: object): Answers {
  const site = resource.site(service);
  const caller = resource.subnet("caller-func");
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
          service === "callee-func"
            ? { vnetSubnetResourceId: caller, action: "Allow", tag: "Default", priority: 100, name: "caller-func" }
            : { ipAddress: `${HERE}/32`, action: "Allow", tag: "Default", priority: 200, name: "ingress-1" },
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
        AzureWebJobsStorage__blobServiceUri: `https://sthost${own}.blob.core.windows.net`,
        AzureWebJobsStorage__clientId: clientId,
        AzureWebJobsStorage__credential: "managedidentity",
        AzureWebJobsStorage__queueServiceUri: `https://sthost${own}.queue.core.windows.net`,
        AzureWebJobsStorage__tableServiceUri: `https://sthost${own}.table.core.windows.net`,
        FUNCTIONS_EXTENSION_VERSION: "~4",
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

function denyAll(): object {
  return {
    ipAddress: "Any",
    action: "Deny",
    priority: 2147483647,
    name: "Deny all",
    description: "Deny all access",
  };
}

function graphAnswers(): Answers {
  return {
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
      value: [assigned("assignment-1", roles["Inventory.Read"])],
      "@odata.nextLink": `{graph}/v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo/page2?$skiptoken=x`,
    }),
    [`GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo/page2`]: ok({
      value: [assigned("assignment-2", roles["Inventory.Reserve"])],
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
  const order = (state: string): object => ({ orderId: "{orderId}", sku: "widget", quantity: 1, state, attempts: 1 });
  return {
    [main("callee-func")]: forbidden(),
    [`GET ${main("caller-func")}/`]: ok("Your Functions app is up and running"),
    [`GET ${main("caller-func")}/api/orders`]: { status: 401, body: "" },
    [`POST ${main("caller-func")}/api/orders`]: { status: 201, body: order("reserved") },
    [`GET ${main("caller-func")}/api/orders/`]: ok(order("reserved")),
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
