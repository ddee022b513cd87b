/** Every way in which a deployment can differ, with its one finding. */
import {
  allowList,
  type Answers,
  assigned,
  change,
  forbidden,
  HERE,
  ids,
  main,
  MARKERS,
  outboundRule,
  resource,
  roles,
  scm,
  hasRole,
  SUFFIX,
} from "./answers.ts";

/** One thing that is otherwise than it must be. */
export interface Drift {
  readonly name: string;
  readonly change: (answers: Answers) => void;
  /** The one check or call that must tell. */
  readonly id: string;
  /** What it must say. */
  readonly found?: RegExp;
  readonly fix?: RegExp;
}

const callee = resource.site("callee-func");
const caller = resource.site("caller-func");
const application = `GET /v1.0/applications(uniqueName='callee-func-${SUFFIX}')`;
const principal = `GET /v1.0/servicePrincipals(appId='${ids.api}')`;
const assignments = `GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo`;

const PROVISION = /^azd provision --no-state$/;
const UNLESS_POLICY =
  /^azd provision --no-state\n# .* Azure Policy with effect Modify .*\naz policy state list --resource-group rg-prod /;

const to = (value: unknown) => (): unknown => value;
const and =
  (...more: unknown[]) =>
  (list: unknown): unknown => [...more, ...(list as unknown[])];
const without =
  (name: string) =>
  (values: unknown): unknown =>
    Object.fromEntries(Object.entries(values as object).filter(([key]) => key !== name));

function drift(
  name: string,
  address: string,
  path: string,
  changed: (value: unknown) => unknown,
  told: Pick<Drift, "id" | "found" | "fix">,
): Drift {
  return {
    name,
    change: (answers) => {
      change(answers, address, path, changed);
    },
    ...told,
  };
}

const ruleWithout =
  (subnet: string) =>
  (rules: unknown): unknown =>
    (rules as { vnetSubnetResourceId?: string }[]).filter(
      (rule) => rule.vnetSubnetResourceId?.includes(subnet) !== true,
    );

const external = `GET /v1.0/servicePrincipals(appId='${ids.batchClient}')`;
const data = resource.account("stdatacallee");
const insights = resource.account("x").replace(/Microsoft\.Storage.*$/, `Microsoft.Insights/components/appi-${SUFFIX}`);
const siteChanged = insights.replace("components/appi", "activityLogAlerts/site-changed");
const functions = `GET ${callee}/functions`;
const web = `GET ${callee}/config/web`;
const settings = `POST ${callee}/config/appsettings/list`;
const allowRule = { ipAddress: "198.51.100.0/24", action: "Allow", tag: "Default", priority: 50, name: "by-hand" };
const otherSubnet = resource.subnet("caller-func").replace("caller-func", "others");

/** What differs in the configuration: each is one finding, and nothing else. */
export const drifts: readonly Drift[] = [
  drift(
    "another plan joined to a caller's subnet",
    `GET ${resource.subnet("caller-func")}`,
    "properties.serviceAssociationLinks",
    and({ name: "AppServiceLink", properties: { link: resource.plan("lodger") } }),
    {
      id: "network/caller-func/joined",
      found: /^too many: \S+\/serverfarms\/plan-lodger-\w+$/,
      fix: /\/serverfarms\/plan-lodger-\w+: az webapp vnet-integration remove /,
    },
  ),
  drift(
    "no plan joined to a caller's subnet",
    `GET ${resource.subnet("caller-func")}`,
    "properties",
    without("serviceAssociationLinks"),
    { id: "network/caller-func/joined", found: /^missing: \S+\/serverfarms\/plan-caller-func/, fix: PROVISION },
  ),
  drift(
    "a caller's identity attached to another resource",
    `POST ${resource.identity("caller-func")}/listAssociatedResources`,
    "value",
    and({ id: "/subscriptions/other/virtualMachines/box", name: "box", type: "microsoft.compute/virtualmachines" }),
    {
      id: "directory/caller-func/identity-attached",
      found: /^also \/subscriptions\/other\/virtualMachines\/box$/,
      fix: /virtualMachines\/box/,
    },
  ),
  drift(
    "an identity attached to nothing",
    `POST ${resource.identity("caller-func")}/listAssociatedResources`,
    "value",
    to([]),
    {
      id: "directory/caller-func/identity-attached",
      found: /^nothing$/,
      fix: PROVISION,
    },
  ),
  drift(
    "other people's code",
    functions,
    "value.1",
    (health) => {
      const { properties } = health as { properties: { config: object } };
      const bindings = [{ type: "httpTrigger", authLevel: "anonymous" }];
      return { name: "site/backdoor", properties: { config: { ...properties.config, bindings } } };
    },
    {
      id: "code/callee-func/functions",
      found: /^missing: health \(.*\); too many: backdoor \(httpTrigger anonymous\)$/,
      fix: /^azd deploy callee-func\naz rest --method POST --url "\S+\/syncfunctiontriggers\?/,
    },
  ),
  drift(
    "a function for whoever has a key",
    functions,
    "value.0.properties.config.bindings.0.authLevel",
    to("function"),
    {
      id: "code/callee-func/functions",
    },
  ),
  drift("another route", functions, "value.0.properties.config.bindings.0.route", to("{*all}"), {
    id: "code/callee-func/functions",
  }),
  drift("another method", functions, "value.0.properties.config.bindings.0.methods", and("PATCH"), {
    id: "code/callee-func/functions",
    found: /too many: getRecord \(httpTrigger GET\+PATCH /,
  }),
  drift("a disabled function", functions, "value.0.properties.isDisabled", to(true), {
    id: "code/callee-func/functions",
    found: /too many: getRecord \(.* disabled\)$/,
  }),
  drift("the package of another commit", functions, "value.0.properties.config.scriptFile", to("package-0123.js"), {
    id: "code/callee-func/package",
    found: /^package-0123\.js$/,
    fix: /^azd deploy callee-func\n/,
  }),
  drift("a function that is from no package", functions, "value.0.properties.config", without("scriptFile"), {
    id: "code/callee-func/package",
    found: /^not set$/,
  }),
  dataRole("somebody with a role on the data", hasRole("Storage Table Data Reader", data), {
    found: new RegExp(`^ServicePrincipal ${ids.client} has Storage Table Data Reader on ${data}$`),
  }),
  dataRole(
    "the same role for another service's identity",
    hasRole("Storage Table Data Contributor", data, ids.callerPrincipal),
    {
      found: new RegExp(`^ServicePrincipal ${ids.callerPrincipal} has Storage Table Data Contributor`),
    },
  ),
  dataRole(
    "another role for the service's own identity",
    hasRole("Storage Blob Data Owner", data, ids.calleePrincipal),
    {
      found: new RegExp(`^ServicePrincipal ${ids.calleePrincipal} has Storage Blob Data Owner`),
    },
  ),
  dataRole(
    "a group with a custom role on the subscription",
    hasRole("A role of one's own", `/subscriptions/${ids.subscription}`, ids.client, "Group"),
    { found: /^Group \S+ has A role of one's own on \/subscriptions\/[0-9a-f-]+$/ },
  ),
  dataRole("Defender's role, where Defender does not scan", hasRole("Defender for Storage Data Scanner", data), {}),
  drift(
    "a role of the template that is missing",
    `GET ${resource.account("sthostcallee")}/providers/Microsoft.Authorization/roleAssignments`,
    "value",
    (list) => (list as unknown[]).slice(1),
    { id: "storage/callee-func-host/data-roles", found: /^missing: the role b7e6dc6d-/, fix: PROVISION },
  ),
  drift(
    "App Service Authentication enabled by hand",
    `GET ${callee}/config/authsettingsV2`,
    "properties.platform.enabled",
    to(true),
    {
      id: "sites/callee-func/authentication",
      found: /^on$/,
      fix: /^az webapp auth update --resource-group rg-prod --name callee-func-\S+ --enabled false$/,
    },
  ),
  drift("a disabled service principal", principal, "accountEnabled", to(false), {
    id: "directory/callee-func/enabled",
    found: /^disabled$/,
    fix: /^az ad sp update --id \S+ --set accountEnabled=true$/,
  }),
  drift(
    "a disabled service principal of an identity",
    `GET /v1.0/servicePrincipals(appId='${ids.callerClient}')`,
    "accountEnabled",
    to(false),
    { id: "directory/caller-func/identity-enabled", found: /^disabled$/ },
  ),
  drift("another value of a setting", settings, "properties.INITIAL_RECORDS", to(MARKERS.setting), {
    id: "sites/callee-func/settings-changed",
    found: /^INITIAL_RECORDS$/,
    fix: PROVISION,
  }),
  drift("a setting without which the app starts", settings, "properties", without("FUNCTIONS_EXTENSION_VERSION"), {
    id: "sites/callee-func/settings-changed",
    found: /^FUNCTIONS_EXTENSION_VERSION is missing$/,
  }),
  drift(
    "a setting that only Azure knows, and that is missing",
    settings,
    "properties",
    without("APPLICATIONINSIGHTS_CONNECTION_STRING"),
    {
      id: "sites/callee-func/settings-changed",
      found: /^APPLICATIONINSIGHTS_CONNECTION_STRING is missing$/,
    },
  ),
  drift("another health check path", web, "properties.healthCheckPath", to("/"), {
    id: "template/sites/callee-func",
    found: /^siteConfig\.healthCheckPath: \/$/,
    fix: PROVISION,
  }),
  drift("HTTP/2 switched off", web, "properties", without("http20Enabled"), {
    id: "template/sites/callee-func",
    found: /^siteConfig\.http20Enabled: not set$/,
  }),
  drift(
    "another identity for Key Vault references",
    `GET ${callee}`,
    "properties.keyVaultReferenceIdentity",
    to("SystemAssigned"),
    {
      id: "template/sites/callee-func",
      found: /^keyVaultReferenceIdentity: SystemAssigned$/,
    },
  ),
  drift("public network access to data switched off", `GET ${data}`, "properties.publicNetworkAccess", to("Disabled"), {
    id: "template/storageAccounts/callee-func-data",
    found: /^publicNetworkAccess: Disabled$/,
    fix: UNLESS_POLICY,
  }),
  drift("data that may leave the tenant", `GET ${data}`, "properties.allowCrossTenantReplication", to(true), {
    id: "template/storageAccounts/callee-func-data",
    found: /^allowCrossTenantReplication: true$/,
  }),
  drift("an alert on changes that is switched off", `GET ${siteChanged}`, "properties.enabled", to(false), {
    id: "template/activityLogAlerts/site-changed",
    found: /^enabled: false$/,
    fix: PROVISION,
  }),
  drift(
    "an alert on changes without one of its operations",
    `GET ${siteChanged}`,
    "properties.condition.allOf.2.anyOf",
    (list) => (list as unknown[]).slice(1),
    { id: "template/activityLogAlerts/site-changed", found: /^condition\.allOf\..*missing$/ },
  ),
  drift(
    "an alert on the changes of one person",
    `GET ${siteChanged}`,
    "properties.condition.allOf",
    (list) => [...(list as unknown[]), { field: "caller", equals: "somebody@example.com" }],
    { id: "template/activityLogAlerts/site-changed", found: /^condition\.allOf: more conditions$/ },
  ),
  drift("keys to telemetry", `GET ${insights}`, "properties.DisableLocalAuth", to(false), {
    id: "template/components/appi",
    found: /^DisableLocalAuth: false$/,
  }),
  drift(
    "logs switched off",
    `GET ${callee}/providers/Microsoft.Insights/diagnosticSettings/workspace`,
    "properties.logs.0.enabled",
    to(false),
    {
      id: "template/sites/callee-func/diagnosticSettings/workspace",
      found: /^logs\.allLogs: missing$/,
    },
  ),
  drift("a rule too many", web, "properties.ipSecurityRestrictions", and(allowRule), {
    id: "restrictions/callee-func/main/rules",
    found: /^too many: Allow 198\.51\.100\.0\/24$/,
    fix: PROVISION,
  }),
  drift("a rule that is missing", web, "properties.ipSecurityRestrictions", (rules) => (rules as unknown[]).slice(1), {
    id: "restrictions/callee-func/main/rules",
    found: /^missing: .*\/subnets\/caller-func$/,
  }),
  drift("another subnet", web, "properties.ipSecurityRestrictions.0.vnetSubnetResourceId", to(otherSubnet), {
    id: "restrictions/callee-func/main/rules",
    found: /^missing: Allow .*\/subnets\/caller-func; too many: Allow .*\/subnets\/others$/,
  }),
  drift(
    "a rule by a service tag",
    web,
    "properties.ipSecurityRestrictions",
    and({ ...allowRule, tag: "ServiceTag", ipAddress: "AzureCloud" }),
    {
      id: "restrictions/callee-func/main/rules",
      found: /^too many: Allow AzureCloud by ServiceTag \(rule by-hand\)$/,
    },
  ),
  drift(
    "a rule of a subnet's that names an address as well",
    web,
    "properties.ipSecurityRestrictions.0.ipAddress",
    to("198.51.100.0/24"),
    { id: "restrictions/callee-func/main/rules", found: /^too many: Allow 198\.51\.100\.0\/24$/ },
  ),
  drift(
    "a second last rule, which lets everybody in",
    web,
    "properties.ipSecurityRestrictions",
    (rules) => [...(rules as unknown[]), { ...allowRule, ipAddress: "Any", priority: 2_147_483_647 }],
    {
      id: "restrictions/callee-func/main/default-action",
      found: /^Deny, and a last rule that says Deny and Allow$/,
      fix: PROVISION,
    },
  ),
  drift(
    "code from an address",
    settings,
    "properties.WEBSITE_RUN_FROM_PACKAGE",
    to("https://packages.example/app.zip?sig=secret"),
    {
      id: "sites/callee-func/settings/WEBSITE_RUN_FROM_PACKAGE",
      found: /^another value, which is not shown$/,
      fix: PROVISION,
    },
  ),
  drift("no rules at all", web, "properties", without("ipSecurityRestrictions"), {
    id: "restrictions/callee-func/main/rules",
    found: /^missing: /,
  }),
  drift(
    "a rule that refuses",
    web,
    "properties.ipSecurityRestrictions",
    and({ ...allowRule, action: "Deny", ipAddress: "0.0.0.0/0" }),
    { id: "restrictions/callee-func/main/rules", found: /^too many: Deny 0\.0\.0\.0\/0$/ },
  ),
  drift(
    "a runner that was not shut out again",
    web,
    "properties.scmIpSecurityRestrictions",
    and({ ...allowRule, name: "runner-1" }),
    {
      id: "restrictions/callee-func/scm/rules",
      fix: /^npm run scm-access -- close --all\n/,
    },
  ),
  drift("everybody else is let in", web, "properties.ipSecurityRestrictionsDefaultAction", to("Allow"), {
    id: "restrictions/callee-func/main/default-action",
    found: /^Allow/,
    fix: PROVISION,
  }),
  drift("the platform's last rule allows", web, "properties.ipSecurityRestrictions.4.action", to("Allow"), {
    id: "restrictions/callee-func/main/default-action",
    found: /^Deny, and a last rule that says Allow$/,
  }),
  drift("the rules are not what decides", `GET ${callee}`, "properties.publicNetworkAccess", to("Disabled"), {
    id: "restrictions/callee-func/main/public-network-access",
    found: /^Disabled$/,
    fix: UNLESS_POLICY,
  }),
  drift(
    "an external caller's subnet is not let in",
    web,
    "properties.ipSecurityRestrictions",
    ruleWithout("snet-nodes"),
    {
      id: "restrictions/callee-func/main/rules",
      found: /^missing: Allow \S+\/subnets\/snet-nodes$/,
      fix: PROVISION,
    },
  ),
  drift(
    "more addresses than an external caller has",
    web,
    "properties.ipSecurityRestrictions.2.ipAddress",
    to("203.0.113.0/24"),
    {
      id: "restrictions/callee-func/main/rules",
      found: /^missing: Allow 203\.0\.113\.128\/28; too many: Allow 203\.0\.113\.0\/24$/,
    },
  ),
  drift(
    "an external caller reaches the SCM site",
    web,
    "properties.scmIpSecurityRestrictions",
    and({ ...allowRule, ipAddress: "203.0.113.128/28" }),
    { id: "restrictions/callee-func/scm/rules", found: /^too many: Allow 203\.0\.113\.128\/28$/ },
  ),
  drift("an external caller is not listed", settings, "properties.ALLOWED_CALLERS", to(ids.callerClient), {
    id: "sites/callee-func/settings/ALLOWED_CALLERS",
  }),
  drift(
    "an external caller's role is missing",
    assignments,
    "value",
    (list) => (list as { id: string }[]).filter(({ id }) => id !== "assignment-of-batch-jobs"),
    { id: "assignments/callee-func/batch-jobs/Records.Read", fix: PROVISION },
  ),
  drift(
    "an external caller holds another role, too",
    assignments,
    "value",
    and(assigned("assignment-4", roles["Records.Manage"], ids.batchPrincipal)),
    { id: "assignments/callee-func/outside-policy", found: /holds Records\.Manage$/ },
  ),
  drift("an external caller's client has another service principal", external, "id", to(ids.client), {
    id: "external/batch-jobs/service-principal",
    found: new RegExp(`^${ids.client}$`),
    fix: new RegExp(`^# Correct shared/access-policy\\.json by: az ad sp show --id ${ids.batchClient} --query id$`),
  }),
  drift("an external caller is disabled", external, "accountEnabled", to(false), {
    id: "external/batch-jobs/enabled",
    found: /^disabled$/,
    fix: new RegExp(
      `^# The owner of batch-jobs: az ad sp update --id ${ids.batchPrincipal} --set accountEnabled=true$`,
    ),
  }),
  drift(
    "an external caller's subnet without the service endpoint",
    `GET ${resource.externalSubnet}`,
    "properties.serviceEndpoints",
    to([{ service: "Microsoft.Sql" }]),
    {
      id: "external/batch-jobs/service-endpoint",
      found: /^Microsoft\.Sql$/,
      fix: /^# The owner of the subnet: az network vnet subnet update --ids \S+\/snet-nodes --service-endpoints Microsoft\.Sql Microsoft\.Web$/,
    },
  ),
  drift(
    "an external caller's subnet without any service endpoint",
    `GET ${resource.externalSubnet}`,
    "properties",
    without("serviceEndpoints"),
    { id: "external/batch-jobs/service-endpoint", found: /^none$/ },
  ),
  drift("an ingress range too many", `GET ${caller}/config/web`, "properties.ipSecurityRestrictions", and(allowRule), {
    id: "restrictions/caller-func/main/rules",
  }),
  drift("a deployer too many", web, "properties.scmIpSecurityRestrictions", and(allowRule), {
    id: "restrictions/callee-func/scm/rules",
    found: /^too many: Allow 198\.51\.100\.0\/24$/,
  }),
  drift("the SCM site lets everybody in", web, "properties.scmIpSecurityRestrictionsDefaultAction", to("Allow"), {
    id: "restrictions/callee-func/scm/default-action",
  }),
  drift("the SCM site has the main site's rules", web, "properties.scmIpSecurityRestrictionsUseMain", to(true), {
    id: "restrictions/callee-func/scm/rules-of-main",
  }),
  drift("plain HTTP", `GET ${callee}`, "properties.httpsOnly", to(false), { id: "sites/callee-func/https-only" }),
  drift("old TLS", web, "properties.minTlsVersion", to("1.0"), { id: "sites/callee-func/tls", found: /^1\.0$/ }),
  drift("old TLS to SCM", web, "properties.scmMinTlsVersion", to("1.1"), { id: "sites/callee-func/scm-tls" }),
  drift("FTP", web, "properties.ftpsState", to("AllAllowed"), { id: "sites/callee-func/ftp" }),
  drift("remote debugging", web, "properties.remoteDebuggingEnabled", to(true), {
    id: "sites/callee-func/remote-debugging",
  }),
  drift("another image", web, "properties.linuxFxVersion", to("DOCKER|registry.example/app"), {
    id: "sites/callee-func/runtime",
    found: /^DOCKER\|registry\.example\/app, no startup command$/,
  }),
  drift("a startup command", web, "properties.appCommandLine", to("node other.js --key secret"), {
    id: "sites/callee-func/runtime",
    found: /^NODE\|24, a startup command$/,
  }),
  drift("a password for FTP", `GET ${callee}/basicPublishingCredentialsPolicies/ftp`, "properties.allow", to(true), {
    id: "sites/callee-func/basic-credentials-ftp",
    found: /^allowed$/,
  }),
  drift("a password for SCM", `GET ${callee}/basicPublishingCredentialsPolicies/scm`, "properties.allow", to(true), {
    id: "sites/callee-func/basic-credentials-scm",
  }),
  drift("a system-assigned identity", `GET ${callee}`, "identity.type", to("SystemAssigned, UserAssigned"), {
    id: "sites/callee-func/identity",
    found: /^too many: "\[system\]"$/,
    fix: /^az functionapp identity remove --resource-group rg-prod --name callee-func-abcdefghijklm --identities "\[system\]"$/,
  }),
  drift("no identity", `GET ${callee}`, "identity", to(null), {
    id: "sites/callee-func/identity",
    found: /^missing: /,
    fix: PROVISION,
  }),
  drift(
    "a slot",
    `GET ${callee}/slots`,
    "value",
    and({ id: `${callee}/slots/staging`, name: `callee-func-${SUFFIX}/staging` }),
    {
      id: "sites/callee-func/slots",
      found: /^staging$/,
      fix: /^az functionapp deployment slot delete --resource-group rg-prod --name \S+ --slot staging$/,
    },
  ),
  drift(
    "a private endpoint",
    `GET ${callee}/privateEndpointConnections`,
    "value",
    and({ id: `${callee}/privateEndpointConnections/connection` }),
    {
      id: "sites/callee-func/private-endpoints",
      fix: /^az network private-endpoint-connection delete --id \S+\/connection --yes$/,
    },
  ),
  drift("another caller is listed", settings, "properties.ALLOWED_CALLERS", to([...allowList, ids.client].join(",")), {
    id: "sites/callee-func/settings/ALLOWED_CALLERS",
    found: new RegExp(ids.client),
  }),
  drift("tokens for another service", settings, "properties.API_CLIENT_ID", to(ids.client), {
    id: "sites/callee-func/settings/API_CLIENT_ID",
  }),
  drift("another audience", settings, "properties.API_IDENTIFIER_URI", to("api://somebody/else"), {
    id: "sites/callee-func/settings/API_IDENTIFIER_URI",
    found: /not shown/,
  }),
  drift("another authority", settings, "properties.AZURE_AUTHORITY_HOST", to("https://login.example.com"), {
    id: "sites/callee-func/settings/AZURE_AUTHORITY_HOST",
    found: /^https:\/\/login\.example\.com$/,
  }),
  drift("another tenant", settings, "properties.AZURE_TENANT_ID", to(ids.client), {
    id: "sites/callee-func/settings/AZURE_TENANT_ID",
  }),
  drift("another identity", settings, "properties.AZURE_CLIENT_ID", to(ids.client), {
    id: "sites/callee-func/settings/AZURE_CLIENT_ID",
  }),
  drift("a secret for a value", settings, "properties.AZURE_CLIENT_ID", to(MARKERS.setting), {
    id: "sites/callee-func/settings/AZURE_CLIENT_ID",
    found: /^another value, which is not shown$/,
  }),
  drift("a setting that is missing", settings, "properties", without("ALLOWED_CALLERS"), {
    id: "sites/callee-func/settings/ALLOWED_CALLERS",
    found: /^not set$/,
  }),
  drift("a guard that only reports", settings, "properties.REPORT_ONLY_UNTIL", to("2027-01-15"), {
    id: "sites/callee-func/settings/REPORT_ONLY_UNTIL",
    found: /^set$/,
    fix: /service-options\.json.*\nazd provision --no-state$/,
  }),
  drift("a setting by hand", settings, "properties.NODE_OPTIONS", to(MARKERS.setting), {
    id: "sites/callee-func/settings-by-hand",
    found: /^NODE_OPTIONS$/,
  }),
  drift(
    "the caller calls elsewhere",
    `POST ${caller}/config/appsettings/list`,
    "properties.CALLEE_URL",
    to("https://elsewhere.example"),
    {
      id: "sites/caller-func/settings/CALLEE_URL",
    },
  ),
  drift(
    "the caller asks for other tokens",
    `POST ${caller}/config/appsettings/list`,
    "properties.CALLEE_SCOPE",
    to("x"),
    {
      id: "sites/caller-func/settings/CALLEE_SCOPE",
    },
  ),
  drift(
    "the caller has a secret",
    `POST ${caller}/config/appsettings/list`,
    "properties.CALLER_CREDENTIAL",
    to("client-secret"),
    {
      id: "sites/caller-func/settings/CALLER_CREDENTIAL",
    },
  ),
  drift("another's subnet", `GET ${callee}`, "properties.virtualNetworkSubnetId", to(resource.subnet("caller-func")), {
    id: "network/callee-func/subnet",
  }),
  drift("no integration", `GET ${callee}`, "properties.virtualNetworkSubnetId", to(null), {
    id: "network/callee-func/subnet",
    found: /not integrated/,
  }),
  drift("traffic past the network", `GET ${caller}`, "properties.outboundVnetRouting.allTraffic", to(false), {
    id: "network/caller-func/routing",
  }),
  drift(
    "the content share past the network",
    `GET ${caller}`,
    "properties.outboundVnetRouting.contentShareTraffic",
    to(false),
    { id: "network/caller-func/routing", found: /content share: false$/ },
  ),
  drift(
    "a subnet without its network security group",
    `GET ${resource.subnet("caller-func")}`,
    "properties",
    without("networkSecurityGroup"),
    { id: "network/caller-func/security-group", found: /^missing: .*nsg-caller-func/ },
  ),
  drift(
    "calls to everywhere",
    `GET ${resource.securityGroup("caller-func")}`,
    "properties.securityRules",
    and(outboundRule("Allow", "*", 90, "Internet:443")),
    { id: "network/caller-func/outbound", found: /^too many: 90 Allow Internet:443 \(\*\)$/, fix: PROVISION },
  ),
  drift(
    "calls to storage refused",
    `GET ${resource.securityGroup("caller-func")}`,
    "properties.securityRules.3.properties.access",
    to("Deny"),
    { id: "network/caller-func/outbound", found: /^missing: 103 Allow Storage:443 \(Tcp\)/ },
  ),
  drift("a shell for whoever may deploy", `GET ${callee}`, "properties.sshEnabled", to(true), {
    id: "sites/callee-func/ssh",
    found: /^true$/,
    fix: PROVISION,
  }),
  drift(
    "the master key opens the host",
    `GET ${callee}`,
    "properties.functionsRuntimeAdminIsolationEnabled",
    to(false),
    {
      id: "sites/callee-func/admin-isolation",
      found: /^false$/,
      fix: PROVISION,
    },
  ),
  drift(
    "a platform that says nothing of the isolation",
    `GET ${callee}`,
    "properties",
    without("functionsRuntimeAdminIsolationEnabled"),
    {
      id: "sites/callee-func/admin-isolation",
      found: /^not set$/,
    },
  ),
  drift("the host's home page", settings, "properties", without("AzureWebJobsDisableHomepage"), {
    id: "sites/callee-func/settings-changed",
    found: /^AzureWebJobsDisableHomepage is missing$/,
    fix: PROVISION,
  }),
  drift("bodies of 100 MiB", settings, "properties.FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", to("104857600"), {
    id: "sites/callee-func/settings-changed",
    found: /^FUNCTIONS_REQUEST_BODY_SIZE_LIMIT$/,
  }),
  drift("encryption up to the worker set by hand", `GET ${callee}`, "properties.endToEndEncryptionEnabled", to(true), {
    id: "sites/callee-func/end-to-end-encryption",
  }),
  drift(
    "signatures without an end",
    `GET ${resource.account("stdatacallee")}`,
    "properties.sasPolicy.expirationAction",
    to("Log"),
    { id: "storage/callee-func-data/signatures", found: /longer ones: Log$/, fix: PROVISION },
  ),
  drift("no delegation", `GET ${resource.subnet("caller-func")}`, "properties.delegations", to([]), {
    id: "network/caller-func/delegation",
  }),
  drift(
    "no service endpoint",
    `GET ${resource.subnet("caller-func")}`,
    "properties.serviceEndpoints.1.service",
    to("Microsoft.Sql"),
    {
      id: "network/caller-func/service-endpoints",
      found: /^missing: Microsoft\.Web; too many: Microsoft\.Sql$/,
    },
  ),
  drift("another's plan", `GET ${callee}`, "properties.serverFarmId", to(resource.plan("caller-func")), {
    id: "network/callee-func/plan",
  }),
  drift(
    "a lodger on the plan",
    `GET ${resource.plan("caller-func")}/sites`,
    "value",
    and({ id: `${caller}-lodger`, name: "lodger" }),
    {
      id: "network/caller-func/plan-alone",
      found: /lodger/,
      fix: /^az functionapp update --ids \S+-lodger --plan /,
    },
  ),
  ...["sthostcallee", "stdatacallee"].flatMap((account, i) => {
    const [address, id] = [`GET ${resource.account(account)}`, `storage/callee-func-${i === 0 ? "host" : "data"}`];
    return [
      drift(`${account} is open to all`, address, "properties.networkAcls.defaultAction", to("Allow"), {
        id: `${id}/default-action`,
      }),
      drift(
        `another subnet of ${account}`,
        address,
        "properties.networkAcls.virtualNetworkRules",
        and({ id: otherSubnet }),
        {
          id: `${id}/networks`,
          found: /^too many: .*others$/,
        },
      ),
      drift(
        `an address of ${account}`,
        address,
        "properties.networkAcls.ipRules",
        and({ value: "198.51.100.1", action: "Allow" }),
        {
          id: `${id}/networks`,
        },
      ),
      drift(`trusted services of ${account}`, address, "properties.networkAcls.bypass", to("AzureServices"), {
        id: `${id}/networks`,
        found: /bypass: AzureServices/,
      }),
      drift(`public blobs in ${account}`, address, "properties.allowBlobPublicAccess", to(true), {
        id: `${id}/public-blobs`,
      }),
      drift(`plain HTTP to ${account}`, address, "properties.supportsHttpsTrafficOnly", to(false), { id: `${id}/tls` }),
      drift(`old TLS to ${account}`, address, "properties.minimumTlsVersion", to("TLS1_0"), { id: `${id}/tls` }),
    ];
  }),
  drift("a key to the data", `GET ${resource.account("stdatacallee")}`, "properties.allowSharedKeyAccess", to(true), {
    id: "storage/callee-func-data/shared-key",
    fix: UNLESS_POLICY,
  }),
  drift(
    "a key to the data, as the default",
    `GET ${resource.account("stdatacallee")}`,
    "properties",
    without("allowSharedKeyAccess"),
    {
      id: "storage/callee-func-data/shared-key",
      found: /^allowed$/,
    },
  ),
  drift("users may hold a role", application, "appRoles.0.allowedMemberTypes", to(["Application", "User"]), {
    id: "directory/callee-func/app-roles",
    found: /for Application and User/,
    fix: PROVISION,
  }),
  drift("a disabled role", application, "appRoles.0.isEnabled", to(false), { id: "directory/callee-func/app-roles" }),
  drift(
    "a role too many",
    application,
    "appRoles",
    and({ id: ids.client, value: "Records.Own", isEnabled: true, allowedMemberTypes: ["Application"] }),
    {
      id: "directory/callee-func/app-roles",
      found: /^too many: Records\.Own/,
      fix: /az ad app update --id \S+ --app-roles @roles\.json/,
    },
  ),
  drift("tokens of version 1.0", application, "api.requestedAccessTokenVersion", to(null), {
    id: "directory/callee-func/token-version",
    found: /^not set$/,
  }),
  drift("other tenants", application, "signInAudience", to("AzureADMultipleOrgs"), {
    id: "directory/callee-func/audience",
  }),
  drift("another App ID URI", application, "identifierUris", and("api://other"), {
    id: "directory/callee-func/identifier-uri",
  }),
  drift(
    "a secret on the registration",
    application,
    "passwordCredentials",
    and({ keyId: "key-1", secretText: null, hint: "abc" }),
    {
      id: "directory/callee-func/secrets",
      found: /^secret key-1$/,
      fix: /^az ad app credential delete --id \S+ --key-id key-1$/,
    },
  ),
  drift(
    "a certificate on the registration",
    application,
    "keyCredentials",
    and({ keyId: "key-2", type: "AsymmetricX509Cert" }),
    {
      id: "directory/callee-func/secrets",
      fix: /--key-id key-2 --cert$/,
    },
  ),
  drift("a secret on the service principal", principal, "passwordCredentials", and({ keyId: "key-3" }), {
    id: "directory/callee-func/principal-secrets",
    fix: /^az ad sp credential delete --id \S+ --key-id key-3$/,
  }),
  drift("no assignment needed", principal, "appRoleAssignmentRequired", to(false), {
    id: "directory/callee-func/assignment-required",
  }),
  drift(
    "the registration trusts somebody",
    `GET /v1.0/applications/${ids.apiObject}/federatedIdentityCredentials`,
    "value",
    and({ id: "fic-1", name: "x", issuer: "https://token.actions.githubusercontent.com", subject: "repo:x" }),
    {
      id: "directory/callee-func/federation",
      fix: /^az ad app federated-credential delete --id \S+ --federated-credential-id fic-1$/,
    },
  ),
  drift(
    "the caller's identity trusts somebody",
    `GET ${resource.identity("caller-func")}/federatedIdentityCredentials`,
    "value",
    and({ name: "ci", properties: { issuer: "https://x.example", subject: "repo:x" } }),
    {
      id: "directory/caller-func/identity-federation",
      found: /^repo:x of https:\/\/x\.example$/,
      fix: /^az identity federated-credential delete --name ci --identity-name id-caller-func-\S+ --resource-group rg-prod --yes$/,
    },
  ),
  drift("a grant that is missing", `${assignments}/page2`, "value", to([]), {
    id: "assignments/callee-func/caller-func/Records.Write",
    fix: PROVISION,
  }),
  drift(
    "a grant that is not the policy's",
    `${assignments}/page2`,
    "value",
    and(assigned("assignment-3", roles["Records.Manage"])),
    {
      id: "assignments/callee-func/outside-policy",
      found: /holds Records\.Manage$/,
      fix: new RegExp(
        `^az rest --method DELETE --url "http://\\S+/v1\\.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo/assignment-3"$`,
      ),
    },
  ),
  drift(
    "somebody else with a role of the caller",
    assignments,
    "value",
    and(assigned("assignment-5", roles["Records.Read"], ids.clientPrincipal)),
    {
      id: "assignments/callee-func/outside-policy",
      found: /"Somebody" \(\S+\) holds Records\.Read$/,
      fix: /appRoleAssignedTo\/assignment-5"$/,
    },
  ),
  drift(
    "somebody with the default role",
    assignments,
    "value",
    and(assigned("assignment-4", "00000000-0000-0000-0000-000000000000", ids.clientPrincipal)),
    {
      id: "assignments/callee-func/outside-policy",
      found: /"Somebody" \(\S+\) holds the role 00000000/,
      fix: /appRoleAssignedTo\/assignment-4"$/,
    },
  ),
];

/** Somebody's role on the data of the callee. */
function dataRole(name: string, role: object, told: Pick<Drift, "found">): Drift {
  const address = `GET ${data}/providers/Microsoft.Authorization/roleAssignments`;
  return drift(name, address, "value", and(role), {
    id: "storage/callee-func-data/data-roles",
    fix: /^az role assignment delete --ids \S+\/roleAssignments\/assignment-of-\S+$/,
    ...told,
  });
}

/** What differs when the sites are called. */
export const callDrifts: readonly Drift[] = [
  {
    name: "the caller lets in what has no key",
    change: (answers: Answers): void => {
      answers[`GET ${main("caller-func")}/api/work`] = { status: 200, body: [] };
    },
    id: "both/list-work/here/",
  },
  {
    name: "the caller refuses who is in its ranges",
    change: (answers: Answers): void => {
      answers[`GET ${main("caller-func")}/api/work`] = forbidden();
    },
    id: "both/list-work/here/",
  },
  {
    name: "an SCM site without a sign-in",
    change: (answers: Answers): void => {
      answers[scm("callee-func")] = { status: 200, body: {} };
    },
    id: "both/scm-callee-func/here/",
  },
  {
    name: "the work is rejected",
    change: (answers: Answers): void => {
      answers[`POST ${main("caller-func")}/api/work`] = {
        status: 409,
        body: { code: "work-rejected" },
        headers: { "content-type": "application/problem+json" },
      };
    },
    id: "both/submit-work/here/function-key",
  },
  {
    name: "the answer is not about this work",
    change: (answers: Answers): void => {
      answers[`POST ${main("caller-func")}/api/work`] = {
        status: 201,
        body: { workId: "other", state: "done" },
      };
    },
    id: "both/submit-work/here/function-key",
  },
  {
    name: "the work is not to be found",
    change: (answers: Answers): void => {
      answers[`GET ${main("caller-func")}/api/work/`] = { status: 404, body: {} };
    },
    id: "both/get-work/here/function-key",
  },
];

/** This machine's address, where no range has it. */
export const ELSEWHERE = HERE.replace(/7$/, "8");
