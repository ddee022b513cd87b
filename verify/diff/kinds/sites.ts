/** The rules of sites, of their plans, and of App Service Authentication. */
import type { Resource } from "../../../infra/snapshot.ts";
import { exact, harmless, isObject, numbers, ordered, type Rule, type Rules, set } from "../rules.ts";
import { accessRestrictions } from "./ordered-rules.ts";
import { common, type Owners, type ResourceRules, texts } from "./resource-rules.ts";
import { settings } from "./settings.ts";

const NO_OTHER_ORIGIN = ["Deny", "Allow"];
const TLS_VERSIONS = ["1.3", "1.2", "1.1", "1.0"];
/** Of an existing resource, a part that is gone protected it. */
const protection = { added: "closed", removed: "opened", isPart: true } as const;

/** https://learn.microsoft.com/azure/templates/microsoft.web/sites */
const site: Rules = {
  ...common,
  tags: siteTags(),
  "identity.type": exact("identity"),
  "identity.userAssignedIdentities": set("identity", (value) => (isObject(value) ? Object.keys(value) : undefined)),
  "properties.keyVaultReferenceIdentity": exact("identity"),
  "properties.serverFarmId": exact("plan"),
  "properties.virtualNetworkSubnetId": exact("integration subnet"),
  "properties.outboundVnetRouting.allTraffic": ordered("routing through the virtual network", [true, false]),
  "properties.outboundVnetRouting.applicationTraffic": ordered("routing through the virtual network", [true, false]),
  "properties.outboundVnetRouting.contentShareTraffic": ordered("routing through the virtual network", [true, false]),
  "properties.publicNetworkAccess": ordered("public network access", ["Disabled", "Enabled"], {
    usual: "Enabled",
  }),
  "properties.httpsOnly": ordered("plain HTTP", [true, false]),
  "properties.sshEnabled": ordered("SSH", [false, true]),
  "properties.endToEndEncryptionEnabled": ordered("encryption inside the platform", [true, false], {
    word: "weakened",
    usual: false,
  }),
  "properties.functionsRuntimeAdminIsolationEnabled": ordered("administration of the Functions host", [true, false]),
  "properties.reserved": exact("operating system", "weakened"),
  "properties.clientAffinityEnabled": harmless("which instance responds"),
  "properties.siteConfig.linuxFxVersion": numbers("runtime", nodeVersion, { higher: "changed", lower: "weakened" }),
  "properties.siteConfig.ipSecurityRestrictions": accessRestrictions("main site"),
  "properties.siteConfig.ipSecurityRestrictionsDefaultAction": ordered(
    "default action of the main site",
    NO_OTHER_ORIGIN,
  ),
  "properties.siteConfig.scmIpSecurityRestrictions": accessRestrictions("SCM site"),
  "properties.siteConfig.scmIpSecurityRestrictionsDefaultAction": ordered(
    "default action of the SCM site",
    NO_OTHER_ORIGIN,
  ),
  "properties.siteConfig.scmIpSecurityRestrictionsUseMain": ordered("use of the main site's rules for the SCM site", [
    false,
    true,
  ]),
  "properties.siteConfig.minTlsVersion": ordered("TLS version", TLS_VERSIONS, { usual: "1.2" }),
  "properties.siteConfig.scmMinTlsVersion": ordered("TLS version", TLS_VERSIONS, { usual: "1.2" }),
  "properties.siteConfig.ftpsState": ordered("FTP", ["Disabled", "FtpsOnly", "AllAllowed"]),
  "properties.siteConfig.remoteDebuggingEnabled": ordered("remote debugging", [false, true]),
  "properties.siteConfig.cors.allowedOrigins": set("CORS", texts),
  "properties.siteConfig.cors.supportCredentials": ordered("CORS", [false, true], { absent: false }),
  "properties.siteConfig.appSettings": settings,
  "properties.siteConfig.alwaysOn": harmless("capacity"),
  "properties.siteConfig.minimumElasticInstanceCount": harmless("capacity"),
  "properties.siteConfig.functionAppScaleLimit": harmless("capacity"),
  "properties.siteConfig.healthCheckPath": harmless("availability"),
  "properties.siteConfig.http20Enabled": harmless("the same requests in another protocol version"),
};

const PUBLISHING = "Microsoft.Web/sites/basicPublishingCredentialsPolicies";
const AUTHENTICATION = "App Service Authentication";
const IDENTITY_PROVIDER = "properties.identityProviders.azureActiveDirectory";

/** https://learn.microsoft.com/azure/app-service/configure-authentication-provider-aad */
const authentication: Rules = {
  ...common,
  "properties.platform.enabled": ordered(AUTHENTICATION, [true, false]),
  "properties.platform.runtimeVersion": exact(AUTHENTICATION),
  "properties.globalValidation.requireAuthentication": ordered(AUTHENTICATION, [true, false]),
  "properties.globalValidation.unauthenticatedClientAction": ordered(AUTHENTICATION, [
    ...["Return401", "Return403", "RedirectToLoginPage", "AllowAnonymous"],
  ]),
  "properties.globalValidation.excludedPaths": set(`${AUTHENTICATION}: path without`, texts),
  [`${IDENTITY_PROVIDER}.enabled`]: ordered(AUTHENTICATION, [true, false]),
  [`${IDENTITY_PROVIDER}.registration.clientId`]: exact(AUTHENTICATION),
  [`${IDENTITY_PROVIDER}.registration.openIdIssuer`]: exact(AUTHENTICATION),
  [`${IDENTITY_PROVIDER}.validation.allowedAudiences`]: set(`${AUTHENTICATION}: audience`, texts, { absent: "any" }),
  [`${IDENTITY_PROVIDER}.validation.defaultAuthorizationPolicy.allowedApplications`]: set(
    `${AUTHENTICATION}: client`,
    texts,
    { absent: "any" },
  ),
  "properties.login.tokenStore.enabled": ordered(AUTHENTICATION, [false, true]),
  "properties.httpSettings.requireHttps": ordered(AUTHENTICATION, [true, false]),
};

export const siteKinds: Readonly<Record<string, ResourceRules>> = {
  "Microsoft.Web/sites": {
    kind: "site",
    added: "opened",
    removed: "closed",
    inWords: ({ name = "" }, { ofSite }) => ofSite(name),
    // Without them, Azure allows the credentials: https://learn.microsoft.com/azure/app-service/configure-basic-auth-disable
    needs: { type: PUBLISHING, kind: "basic publishing credentials", names: ["ftp", "scm"] },
    rules: site,
  },
  "Microsoft.Web/sites/config": {
    kind: AUTHENTICATION,
    ...protection,
    inWords: ofSite,
    rules: authentication,
  },
  [PUBLISHING]: {
    kind: "policy on basic publishing credentials",
    ...protection,
    inWords: (policy, owners) => `${ofSite(policy, owners)} (${policy.name?.split("/")[1] ?? "?"})`,
    rules: { ...common, "properties.allow": ordered("basic publishing credentials", [false, true]) },
  },
  "Microsoft.Web/serverfarms": {
    kind: "plan",
    added: "changed",
    removed: "closed",
    rules: {
      ...common,
      kind: harmless("capacity"),
      "properties.reserved": exact("operating system", "weakened"),
      "properties.maximumElasticWorkerCount": harmless("capacity"),
      "properties.zoneRedundant": harmless("availability"),
    },
  },
};

/** The resource that a part belongs to: its name comes first. */
function ofSite({ name = "" }: Resource, owners: Owners): string {
  return owners.ofSite(name.split("/")[0] ?? "");
}

/** By one tag, azd finds the site that a service's code goes to. */
function siteTags(): Rule {
  const service = exact("service");
  const others = harmless("no access decision reads this tag");
  const serviceIn = (tags: unknown): unknown => (isObject(tags) ? tags["azd-service-name"] : undefined);
  return {
    ...service,
    compare: (change) => {
      const [before, after] = [serviceIn(change.before), serviceIn(change.after)];
      return before === after ? others.compare(change) : service.compare({ ...change, before, after });
    },
  };
}

/** @returns NaN for any other runtime than a version of Node */
function nodeVersion(value: unknown): number {
  return Number(/^NODE\|(\d+)$/.exec(typeof value === "string" ? value : "")?.[1] ?? NaN);
}
