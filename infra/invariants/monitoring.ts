/** The invariants of telemetry, logs and alerts. */
import { resources } from "../snapshot.ts";
import { invariant, type Invariant } from "./invariant.ts";
import { asksFor, forEachService, same, servicesOf, workspaceIdOf } from "./services.ts";

export const monitoringInvariants: readonly Invariant[] = [
  invariant("Application Insights accepts telemetry from Entra identities only", (snapshot, expected) => {
    const [insights] = resources(snapshot, "Microsoft.Insights/components");
    return [
      ...same("local authentication off", insights?.properties?.DisableLocalAuth, true),
      ...forEachService(({ name, settings, identityId }) => {
        const value = settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"];
        const byIdentity = value?.includes("Authorization=AAD") === true && asksFor(value, identityId, "clientId");
        return same(`${name}: sends telemetry as its identity`, byIdentity, true);
      })(snapshot, expected),
    ];
  }),
  invariant("telemetry and all logs that a site offers go to the workspace", (snapshot, expected) => {
    const workspace = workspaceIdOf(snapshot, expected);
    const [insights] = resources(snapshot, "Microsoft.Insights/components");
    const diagnostics = resources(snapshot, "Microsoft.Insights/diagnosticSettings");
    return [
      ...same("workspace of Application Insights", insights?.properties?.WorkspaceResourceId, workspace),
      ...forEachService(({ name, site }) => {
        const settings = diagnostics.find(({ id }) => id?.startsWith(`${site?.id ?? "?"}/providers/`))?.properties;
        return [
          ...same(`${name}: workspace of its logs`, settings?.workspaceId, workspace),
          ...same(`${name}: logs`, settings?.logs, [{ categoryGroup: "allLogs", enabled: true }]),
        ];
      })(snapshot, expected),
    ];
  }),
  invariant("reads of a service's data and of the logs are logged", (snapshot, expected) => {
    const workspace = workspaceIdOf(snapshot, expected) ?? "?";
    const diagnostics = resources(snapshot, "Microsoft.Insights/diagnosticSettings");
    const audited = (what: string, of: string): string[] => {
      const settings = diagnostics.find(({ id }) => id?.startsWith(`${of}/providers/`))?.properties;
      return [
        ...same(`${what}: workspace`, settings?.workspaceId, workspace),
        ...same(`${what}: logs`, settings?.logs, [{ categoryGroup: "audit", enabled: true }]),
      ];
    };
    return [
      // The owner of a workspace that exists decides about its audit log.
      ...(expected.parameters.existingWorkspaceId === null ? audited("the workspace", workspace) : []),
      ...servicesOf(snapshot, expected).flatMap(({ name, dataAccount }) =>
        audited(`${name}: tables`, `${dataAccount?.id ?? "?"}/tableServices/default`),
      ),
    ];
  }),
  invariant("the daily cap of the logs is the declared one", (snapshot, { parameters }) => {
    const [workspace] = resources(snapshot, "Microsoft.OperationalInsights/workspaces");
    if (parameters.existingWorkspaceId !== null) return [];
    return same(
      "gigabytes a day",
      workspace?.properties?.workspaceCapping?.dailyQuotaGb,
      parameters.logDailyCapGigabytes,
    );
  }),
  invariant(
    "refused calls, failed deliveries, an old pending message and the log cap raise an alert",
    (snapshot, expected) => {
      const { alertEmailAddresses } = expected.parameters;
      const workspace = workspaceIdOf(snapshot, expected);
      const [group] = resources(snapshot, "Microsoft.Insights/actionGroups");
      const rules = resources(snapshot, "Microsoft.Insights/scheduledQueryRules");
      return [
        ...same(
          "addresses that get a mail",
          group?.properties?.emailReceivers?.map(({ emailAddress }) => emailAddress) ?? [],
          [...alertEmailAddresses],
        ),
        ...["refused-calls", "refused-connections", "failed-deliveries", "oldest-pending-message", "log-cap"].flatMap(
          (alert) => {
            const properties = rules.find(({ name }) => name?.startsWith(`${alert}-`))?.properties;
            return [
              ...same(`${alert}: enabled`, properties?.enabled, true),
              ...same(`${alert}: scopes`, properties?.scopes, [workspace]),
              ...same(
                `${alert}: action groups`,
                properties?.actions?.actionGroups,
                group === undefined ? [] : [group.id],
              ),
              ...same(
                `${alert}: query`,
                properties?.criteria?.allOf?.[0]?.query?.includes(SOURCES[alert] ?? "?"),
                true,
              ),
            ];
          },
        ),
      ];
    },
  ),
  invariant("alerts are about the apps of this environment only, except the one about the log cap", (snapshot) => {
    const suffix = resources(snapshot, "Microsoft.Insights/components")[0]?.name?.replace("appi", "") ?? "?";
    return resources(snapshot, "Microsoft.Insights/scheduledQueryRules")
      .filter(({ name }) => name !== `log-cap${suffix}`)
      .flatMap(({ name, properties }) =>
        same(
          `${name ?? "?"}: the end of its query`,
          properties?.criteria?.allOf?.map(({ query }) => query?.trim().split("\n").at(-1)?.trim()),
          [`| where AppRoleName endswith '${suffix}'`],
        ),
      );
  }),
  invariant(
    "every change of a site, of the network and of role assignments in the resource group raises an alert",
    (snapshot, { parameters }) => {
      const [group] = resources(snapshot, "Microsoft.Resources/resourceGroups");
      const [mail] = resources(snapshot, "Microsoft.Insights/actionGroups");
      const rules = resources(snapshot, "Microsoft.Insights/activityLogAlerts");
      return Object.entries(CHANGES).flatMap(([alert, operations]) => {
        const { location, properties } = rules.find(({ name }) => name?.startsWith(`${alert}-`)) ?? {};
        const conditions = properties?.condition?.allOf ?? [];
        const equal = (field: string): unknown => conditions.find((one) => one.field === field)?.equals;
        const [oneOf, ...others] = conditions.flatMap(({ anyOf = [] }) => (anyOf.length === 0 ? [] : [anyOf]));
        return [
          ...same(`${alert}: location`, location, "global"),
          ...same(`${alert}: enabled`, properties?.enabled, true),
          ...same(`${alert}: scopes`, properties?.scopes, [group?.id]),
          ...same(`${alert}: category`, equal("category"), "Administrative"),
          ...same(`${alert}: status`, equal("status"), "Succeeded"),
          ...same(`${alert}: further conditions`, [others.length, conditions.length], [0, 3]),
          ...same(`${alert}: fields`, [...new Set(oneOf?.map(({ field }) => field))], ["operationName"]),
          ...same(`${alert}: operations`, oneOf?.map(({ equals }) => equals).sort(), [...operations].sort()),
          ...same(
            `${alert}: action groups`,
            properties?.actions?.actionGroups?.map(({ actionGroupId }) => actionGroupId),
            parameters.alertEmailAddresses.length === 0 ? [] : [mail?.id],
          ),
        ];
      });
    },
  ),
];

const SITE = "Microsoft.Web/sites";
const NETWORK = "Microsoft.Network/virtualNetworks";
const GROUP = "Microsoft.Network/networkSecurityGroups";
const ASSIGNMENT = "Microsoft.Authorization/roleAssignments";

/** The operations that each alert on changes reports. */
const CHANGES: Readonly<Record<string, readonly string[]>> = {
  "site-changed": [
    ...[`${SITE}/write`, `${SITE}/delete`, `${SITE}/config/write`, `${SITE}/config/delete`],
    ...[`${SITE}/config/web/appsettings/write`, `${SITE}/config/web/appsettings/delete`],
    ...["", "/ftp", "/scm"].map((which) => `${SITE}/basicPublishingCredentialsPolicies${which}/write`),
    ...[`${SITE}/networkConfig/write`, `${SITE}/networkConfig/delete`],
    ...["privateEndpointConnections", "privateEndpointConnectionProxies"].map((type) => `${SITE}/${type}/write`),
    ...[`${SITE}/slots/write`, `${SITE}/slots/config/write`, `${SITE}/slotsswap/action`],
  ],
  "network-changed": [NETWORK, `${NETWORK}/subnets`, GROUP, `${GROUP}/securityRules`].flatMap((type) => [
    `${type}/write`,
    `${type}/delete`,
  ]),
  "role-assignment-changed": [`${ASSIGNMENT}/write`, `${ASSIGNMENT}/delete`],
};

/** A part of each alert's query. */
const SOURCES: Readonly<Record<string, string>> = {
  "refused-calls": "authorization",
  "refused-connections": "refusedByNetwork",
  "failed-deliveries": "delivery-run",
  "oldest-pending-message": "oldestSeconds",
  "log-cap": "OverQuota",
};
