import type { PropertiesByType } from "../../snapshot.ts";
import { resource, remove, CALLEE, type Mutation, there, mutationsOf } from "./change.ts";

type ChangeAlert = PropertiesByType["Microsoft.Insights/activityLogAlerts"];

function changeAlert(name: string, change: (properties: ChangeAlert) => void): Mutation["change"] {
  return resource("Microsoft.Insights/activityLogAlerts", name, change);
}

function operationsOf(rule: ChangeAlert): { equals?: string }[] | undefined {
  return rule.condition?.allOf?.find(({ anyOf }) => anyOf !== undefined)?.anyOf;
}

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
  "every change of a site, of the network and of role assignments in the resource group raises an alert": {
    "no alert on changes of sites": remove("Microsoft.Insights/activityLogAlerts", "site-changed"),
    "an alert on changes that is switched off": changeAlert("network-changed", (rule) => {
      rule.enabled = false;
    }),
    "an alert on changes of another group": changeAlert("site-changed", (rule) => {
      rule.scopes = ["/subscriptions/1/resourceGroups/other"];
    }),
    "an operation that no alert reports": changeAlert("network-changed", (rule) => {
      there(operationsOf(rule)).splice(2, 1);
    }),
    "another operation in place of one": changeAlert("role-assignment-changed", (rule) => {
      there(operationsOf(rule)?.[0]).equals = "Microsoft.Authorization/roleAssignments/read";
    }),
    "an alert on failed changes": changeAlert("role-assignment-changed", (rule) => {
      there(rule.condition?.allOf?.find(({ field }) => field === "status")).equals = "Failed";
    }),
    "an alert on the changes of one person": changeAlert("site-changed", (rule) => {
      there(rule.condition?.allOf).push({ field: "caller", equals: "somebody@example.com" });
    }),
    "an alert on changes without an action group": {
      in: "everything",
      change: changeAlert("site-changed", (rule) => {
        there(rule.actions).actionGroups = [];
      }),
    },
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
