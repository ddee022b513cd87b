/** The rules of monitoring: who may send telemetry, where logs go, and who is told. */
import { inGroup } from "../finding.ts";
import { exact, harmless, isObject, numbers, ordered, type Rule, type Rules, set } from "../rules.ts";
import { byMember, common, type ResourceRules, texts } from "./resource-rules.ts";

/** More is recorded, or somebody else is told: no access. Less is weaker. */
const records = { added: "changed", removed: "weakened" } as const;
const lasts = { higher: "changed", lower: "weakened" } as const;

const alert: Rules = {
  ...common,
  "properties.displayName": harmless("a text for people"),
  "properties.description": harmless("a text for people"),
  "properties.enabled": ordered("state", [true, false], { word: "weakened", absent: true }),
  "properties.severity": harmless("the order of notifications"),
  "properties.scopes": set("scope", texts, records),
  "properties.evaluationFrequency": exact("condition", "changed, not understood"),
  "properties.windowSize": exact("condition", "changed, not understood"),
  "properties.criteria": exact("condition", "changed, not understood"),
  "properties.condition": exact("condition", "changed, not understood"),
  "properties.autoMitigate": harmless("when an alert ends"),
  "properties.skipQueryValidation": harmless("a check at the deployment"),
  "properties.actions.actionGroups": set(
    "action group",
    (value) => texts(value) ?? byMember(["actionGroupId"])(value),
    records,
  ),
};

export const monitoringKinds: Readonly<Record<string, ResourceRules>> = {
  // Its tag fails the deployment in another cloud.
  "Microsoft.Resources/resourceGroups": {
    kind: "resource group",
    added: "opened",
    removed: "closed",
    rules: { ...common, tags: groupTags() },
  },
  "Microsoft.Insights/components": {
    kind: "Application Insights",
    added: "opened",
    removed: "weakened",
    rules: {
      ...common,
      "properties.Application_Type": harmless("a form of the portal"),
      "properties.DisableLocalAuth": ordered("telemetry without an Entra identity", [true, false]),
      "properties.WorkspaceResourceId": exact("workspace", "weakened"),
    },
  },
  "Microsoft.OperationalInsights/workspaces": {
    kind: "workspace",
    added: "opened",
    removed: "weakened",
    rules: {
      ...common,
      "properties.sku.name": harmless("size, replication or price"),
      "properties.retentionInDays": numbers("retention", Number, lasts),
      "properties.workspaceCapping.dailyQuotaGb": numbers("daily cap", dailyCap, lasts),
      "properties.features.disableLocalAuth": ordered("telemetry without an Entra identity", [true, false]),
    },
  },
  "Microsoft.Insights/diagnosticSettings": {
    kind: "logs",
    added: "opened",
    removed: "weakened",
    isPart: true,
    inWords: ({ id = "?" }) => inGroup(id).replace(/\/providers\/Microsoft\.Insights\/diagnosticSettings\//, " by "),
    rules: {
      ...common,
      "properties.workspaceId": exact("workspace", "weakened"),
      "properties.logs": set("log", byMember(["categoryGroup", "category"]), records),
      "properties.metrics": set("log", byMember(["category"]), records),
    },
  },
  "Microsoft.Insights/scheduledQueryRules": { kind: "alert", added: "changed", removed: "weakened", rules: alert },
  "Microsoft.Insights/activityLogAlerts": { kind: "alert", added: "changed", removed: "weakened", rules: alert },
  "Microsoft.Insights/actionGroups": {
    kind: "action group",
    added: "opened",
    removed: "weakened",
    rules: {
      ...common,
      "properties.groupShortName": harmless("a text for people"),
      "properties.enabled": ordered("state", [true, false], { word: "weakened", absent: true }),
      "properties.emailReceivers": set("receiver", byMember(["emailAddress"], ["name"]), records),
    },
  },
};

/** Gigabytes; no cap is -1. */
function dailyCap(gigabytes: unknown): number {
  return gigabytes === undefined || gigabytes === -1 ? Infinity : Number(gigabytes);
}

function groupTags(): Rule {
  const condition = ordered("deployment to the public cloud only", [true, false]);
  const others = harmless("no access decision reads this tag");
  const hasCondition = (tags: unknown): boolean =>
    (isObject(tags) ? JSON.stringify(tags) : String(tags)).includes("fail(");
  return {
    ...condition,
    compare: (change) => {
      const [before, after] = [hasCondition(change.before), hasCondition(change.after)];
      return before === after ? others.compare(change) : condition.compare({ ...change, before, after });
    },
  };
}
