import { resource, remove, CALLEE, there, mutationsOf } from "./change.ts";

export const monitoringMutations = mutationsOf({
  "Application Insights accepts telemetry from Entra identities only": {
    "local authentication": resource("Microsoft.Insights/components", "appi", (properties) => {
      properties.DisableLocalAuth = false;
    }),
  },
  "telemetry and all logs that a site offers go to the workspace": {
    "a site without diagnostic settings": remove("Microsoft.Insights/diagnosticSettings", CALLEE),
  },
  "reads of a service's data and of the logs are logged": {
    "tables without diagnostic settings": remove("Microsoft.Insights/diagnosticSettings", "tableServices"),
    "a workspace without diagnostic settings": remove(
      "Microsoft.Insights/diagnosticSettings",
      "Microsoft.OperationalInsights/workspaces/log",
    ),
  },
  "the daily cap of the logs is the declared one": {
    "logs without a limit": resource("Microsoft.OperationalInsights/workspaces", "log", (properties) => {
      properties.workspaceCapping = { dailyQuotaGb: -1 };
    }),
  },
  "refused calls, failed deliveries, an old pending message and the log cap raise an alert": {
    "an alert switched off": resource("Microsoft.Insights/scheduledQueryRules", "refused-calls", (properties) => {
      properties.enabled = false;
    }),
    "an alert without an action group": {
      in: "everything",
      change: resource("Microsoft.Insights/scheduledQueryRules", "oldest-pending-message", ({ actions }) => {
        there(actions).actionGroups = [];
      }),
    },
    "logs that end without an alert": remove("Microsoft.Insights/scheduledQueryRules", "log-cap"),
  },
  "alerts are about the apps of this environment only, except the one about the log cap": {
    "an alert about the apps of all": resource(
      "Microsoft.Insights/scheduledQueryRules",
      "failed-deliveries",
      (rule) => {
        const [criterion] = rule.criteria?.allOf ?? [];
        there(criterion).query = there(criterion?.query).replace(/\| where AppRoleName endswith .*/, "");
      },
    ),
  },
});
