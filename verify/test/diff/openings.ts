/**
 * A value that opens something, for each property that has a rule: by resource type and path. `[]` in a path is the first member of
 * a list, and a setting is a member of `appSettings` by its name.
 */

/** A value in place of the one of the evaluated template. */
export interface Opening {
  /** The value before, where no evaluated template has one. */
  readonly from?: unknown;
  readonly to: unknown;
}

const gone = { to: undefined } as const;
const text = { to: "other" } as const;
const open = { to: true } as const;
const off = { to: false } as const;
const more = (...members: readonly unknown[]): Opening => ({ to: members });
const SUBNET = "/subscriptions/x/resourceGroups/y/providers/Microsoft.Network/virtualNetworks/z/subnets/other";
const ANYBODY = { action: "Allow", priority: 50, ipAddress: "192.0.2.0/28" };
const registration = "properties.identityProviders.azureActiveDirectory";

const alert = (from: boolean): Readonly<Record<string, Opening>> => ({
  "properties.enabled": off,
  "properties.scopes": from ? { from: ["a"], to: [] } : more(),
  "properties.evaluationFrequency": text,
  "properties.windowSize": text,
  "properties.criteria": text,
  "properties.condition": text,
  "properties.actions.actionGroups": { from: ["a"], to: [] },
});

const subnet: Readonly<Record<string, Opening>> = {
  "properties.networkSecurityGroup.id": { from: "a", to: undefined },
  "properties.delegations": more({ properties: { serviceName: "Microsoft.ContainerInstance/containerGroups" } }),
  "properties.serviceEndpoints": more({ service: "Microsoft.Sql" }),
};

const federation: Readonly<Record<string, Opening>> = {
  "properties.issuer": text,
  "properties.subject": text,
  "properties.audiences": { from: ["a"], to: ["other"] },
};

const inEach = (rules: Readonly<Record<string, Opening>>, list: string): Readonly<Record<string, Opening>> =>
  Object.fromEntries(Object.entries(rules).map(([path, opening]) => [`${list}.[].${path}`, opening]));

const setting = "properties.siteConfig.appSettings.";

export const openings: Readonly<Record<string, Readonly<Record<string, Opening>>>> = {
  "Microsoft.Web/sites": {
    tags: { to: { "azd-service-name": "other-func" } },
    "identity.type": { to: "SystemAssigned, UserAssigned" },
    "identity.userAssignedIdentities": { to: { other: {} } },
    "properties.keyVaultReferenceIdentity": text,
    "properties.serverFarmId": text,
    "properties.virtualNetworkSubnetId": text,
    "properties.outboundVnetRouting.allTraffic": off,
    "properties.outboundVnetRouting.applicationTraffic": gone,
    "properties.outboundVnetRouting.contentShareTraffic": off,
    "properties.publicNetworkAccess": { from: "Disabled", to: "Enabled" },
    "properties.httpsOnly": gone,
    "properties.sshEnabled": open,
    "properties.endToEndEncryptionEnabled": { from: true, to: false },
    "properties.functionsRuntimeAdminIsolationEnabled": off,
    "properties.reserved": off,
    "properties.siteConfig.linuxFxVersion": { to: "NODE|18" },
    "properties.siteConfig.ipSecurityRestrictions": more(ANYBODY),
    "properties.siteConfig.ipSecurityRestrictionsDefaultAction": gone,
    "properties.siteConfig.scmIpSecurityRestrictions": more({
      action: "Allow",
      priority: 50,
      vnetSubnetResourceId: SUBNET,
    }),
    "properties.siteConfig.scmIpSecurityRestrictionsDefaultAction": { to: "Allow" },
    "properties.siteConfig.scmIpSecurityRestrictionsUseMain": open,
    "properties.siteConfig.minTlsVersion": { to: "1.1" },
    "properties.siteConfig.scmMinTlsVersion": { to: "1.0" },
    "properties.siteConfig.ftpsState": { to: "AllAllowed" },
    "properties.siteConfig.remoteDebuggingEnabled": open,
    "properties.siteConfig.cors.allowedOrigins": more("https://example.com"),
    "properties.siteConfig.cors.supportCredentials": open,
    [`${setting}AZURE_TENANT_ID`]: text,
    [`${setting}AZURE_AUTHORITY_HOST`]: { to: "https://login.example.com" },
    [`${setting}API_CLIENT_ID`]: text,
    [`${setting}API_IDENTIFIER_URI`]: text,
    [`${setting}ALLOWED_CALLERS`]: { to: "[join(createArray('a', reference('b', 'c').clientId), ',')]" },
    [`${setting}DENIED_CALLERS`]: { from: "a,b", to: "a" },
    [`${setting}MINIMUM_CLIENT_AUTHENTICATION`]: { to: "public" },
    [`${setting}REPORT_ONLY_UNTIL`]: { to: "2030-01-01" },
    [`${setting}AzureWebJobsDisableHomepage`]: { to: "false" },
    [`${setting}FUNCTIONS_REQUEST_BODY_SIZE_LIMIT`]: { to: "104857600" },
  },
  "Microsoft.Web/sites/config": {
    "properties.platform.enabled": off,
    "properties.platform.runtimeVersion": text,
    "properties.globalValidation.requireAuthentication": off,
    "properties.globalValidation.unauthenticatedClientAction": { to: "AllowAnonymous" },
    "properties.globalValidation.excludedPaths": more("/api"),
    [`${registration}.enabled`]: off,
    [`${registration}.registration.clientId`]: text,
    [`${registration}.registration.openIdIssuer`]: text,
    [`${registration}.validation.allowedAudiences`]: more("other"),
    [`${registration}.validation.defaultAuthorizationPolicy.allowedApplications`]: gone,
    "properties.login.tokenStore.enabled": open,
    "properties.httpSettings.requireHttps": off,
  },
  "Microsoft.Web/sites/basicPublishingCredentialsPolicies": { "properties.allow": open },
  "Microsoft.Web/serverfarms": { "properties.reserved": off },
  "Microsoft.Network/virtualNetworks": {
    "properties.addressSpace.addressPrefixes": more("10.0.0.0/8"),
    "properties.subnets": more({ name: "other", properties: {} }),
    ...inEach(subnet, "properties.subnets"),
  },
  "Microsoft.Network/virtualNetworks/subnets": subnet,
  "Microsoft.Network/networkSecurityGroups": { "properties.securityRules": more() },
  "Microsoft.Network/privateEndpoints": {},
  "Microsoft.Storage/storageAccounts": {
    "properties.allowSharedKeyAccess": { from: false, to: true },
    "properties.allowBlobPublicAccess": open,
    "properties.allowCrossTenantReplication": open,
    "properties.minimumTlsVersion": { to: "TLS1_0" },
    "properties.supportsHttpsTrafficOnly": off,
    "properties.publicNetworkAccess": { from: "Disabled", to: "Enabled" },
    "properties.sasPolicy.sasExpirationPeriod": { to: "8.00:00:00" },
    "properties.sasPolicy.expirationAction": { to: "Log" },
    "properties.keyPolicy.keyExpirationPeriodInDays": { to: 91 },
    "properties.networkAcls.defaultAction": { to: "Allow" },
    "properties.networkAcls.bypass": { to: "Logging, AzureServices" },
    "properties.networkAcls.virtualNetworkRules": more({ id: SUBNET }),
    "properties.networkAcls.ipRules": more({ value: "192.0.2.0/28" }),
    "properties.networkAcls.resourceAccessRules": more({ resourceId: "other" }),
  },
  "Microsoft.Storage/storageAccounts/fileServices": {},
  "Microsoft.Storage/storageAccounts/fileServices/shares": {},
  "Microsoft.ManagedIdentity/userAssignedIdentities": {},
  "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials": federation,
  "Microsoft.Authorization/roleDefinitions": {
    "properties.type": text,
    "properties.permissions": more({ actions: ["*"] }),
    "properties.assignableScopes": more("/"),
  },
  "Microsoft.Authorization/roleAssignments": {
    "properties.principalType": text,
    "properties.condition": { from: "a", to: undefined },
    "properties.conditionVersion": text,
  },
  "Microsoft.Graph/applications@v1.0": {
    "properties.signInAudience": { to: "AzureADandPersonalMicrosoftAccount" },
    "properties.identifierUris": more("api://other"),
    "properties.api.requestedAccessTokenVersion": gone,
    ...inEach(
      {
        value: text,
        allowedMemberTypes: more("Application", "User"),
        isEnabled: { from: false, to: true },
      },
      "properties.appRoles",
    ),
    "properties.optionalClaims.accessToken": more(),
    "properties.passwordCredentials": more({ secretText: "a" }),
    "properties.keyCredentials": more({ key: "a" }),
  },
  "Microsoft.Graph/servicePrincipals@v1.0": {
    "properties.appRoleAssignmentRequired": gone,
  },
  "Microsoft.Graph/applications/federatedIdentityCredentials@v1.0": federation,
  "Microsoft.Graph/appRoleAssignedTo@v1.0": {},
  "Microsoft.Resources/resourceGroups": { tags: { to: {} } },
  "Microsoft.Insights/components": { "properties.DisableLocalAuth": off, "properties.WorkspaceResourceId": text },
  "Microsoft.OperationalInsights/workspaces": {
    "properties.retentionInDays": { to: 30 },
    "properties.workspaceCapping.dailyQuotaGb": { to: 1 },
    "properties.features.disableLocalAuth": off,
  },
  "Microsoft.Insights/diagnosticSettings": {
    "properties.workspaceId": text,
    "properties.logs": more(),
    "properties.metrics": { from: [{ category: "AllMetrics" }], to: [] },
  },
  "Microsoft.Insights/scheduledQueryRules": alert(false),
  "Microsoft.Insights/activityLogAlerts": alert(true),
  "Microsoft.Insights/actionGroups": { "properties.enabled": off, "properties.emailReceivers": more() },
};
