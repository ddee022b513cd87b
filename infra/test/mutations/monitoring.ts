import { resource, remove, CALLEE, there, type Mutation } from "./change.ts";

export const monitoringMutations: readonly Mutation[] = [
  {
    breaks: "Application Insights takes telemetry from Entra identities only",
    by: "local authentication",
    change: resource("Microsoft.Insights/components", "appi", (properties) => {
      properties.DisableLocalAuth = false;
    }),
  },
  {
    breaks: "telemetry and all logs that a site offers go to the workspace",
    by: "a site without diagnostic settings",
    change: remove("Microsoft.Insights/diagnosticSettings", CALLEE),
  },
  {
    breaks: "who reads a service's data, and who reads the logs, is logged",
    by: "tables without diagnostic settings",
    change: remove("Microsoft.Insights/diagnosticSettings", "tableServices"),
  },
  {
    breaks: "who reads a service's data, and who reads the logs, is logged",
    by: "a workspace without diagnostic settings",
    change: remove("Microsoft.Insights/diagnosticSettings", "Microsoft.OperationalInsights/workspaces/log"),
  },
  {
    breaks: "a day's logs are limited to what the parameter says",
    by: "logs without a limit",
    change: resource("Microsoft.OperationalInsights/workspaces", "log", (properties) => {
      properties.workspaceCapping = { dailyQuotaGb: -1 };
    }),
  },
  {
    breaks: "refused calls, failed deliveries, an old pending order and the end of the logs raise an alert",
    by: "an alert switched off",
    change: resource("Microsoft.Insights/scheduledQueryRules", "refused-calls", (properties) => {
      properties.enabled = false;
    }),
  },
  {
    breaks: "refused calls, failed deliveries, an old pending order and the end of the logs raise an alert",
    by: "an alert that tells nobody",
    in: "everything",
    change: resource("Microsoft.Insights/scheduledQueryRules", "oldest-pending-order", ({ actions }) => {
      there(actions).actionGroups = [];
    }),
  },
  {
    breaks: "refused calls, failed deliveries, an old pending order and the end of the logs raise an alert",
    by: "logs that end without an alert",
    change: remove("Microsoft.Insights/scheduledQueryRules", "log-cap"),
  },
];
