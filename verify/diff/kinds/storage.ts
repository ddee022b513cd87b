/** The rules of storage accounts. */
import { harmless, numbers, ordered, type Rules, set } from "../rules.ts";
import { byMember, common, type ResourceRules } from "./resource-rules.ts";

/** https://learn.microsoft.com/azure/templates/microsoft.storage/storageaccounts */
const account: Rules = {
  ...common,
  "properties.allowSharedKeyAccess": ordered("account keys", [false, true]),
  "properties.allowBlobPublicAccess": ordered("anonymous blobs", [false, true]),
  "properties.allowCrossTenantReplication": ordered("replication to another tenant", [false, true]),
  "properties.defaultToOAuthAuthentication": harmless("how the portal signs in by default"),
  "properties.minimumTlsVersion": ordered("TLS version", ["TLS1_3", "TLS1_2", "TLS1_1", "TLS1_0"], { usual: "TLS1_2" }),
  "properties.supportsHttpsTrafficOnly": ordered("plain HTTP", [true, false]),
  "properties.publicNetworkAccess": ordered("public network access", ["Disabled", "Enabled"], { usual: "Enabled" }),
  "properties.sasPolicy.sasExpirationPeriod": numbers("shared access signatures", secondsOf, {
    higher: "weakened",
    lower: "closed",
  }),
  "properties.sasPolicy.expirationAction": ordered("shared access signatures", ["Block", "Log"], { word: "weakened" }),
  "properties.keyPolicy.keyExpirationPeriodInDays": numbers("age of account keys", (days) => Number(days ?? Infinity), {
    higher: "weakened",
    lower: "closed",
  }),
  "properties.networkAcls.defaultAction": ordered("default action of the network rules", ["Deny", "Allow"]),
  "properties.networkAcls.bypass": set(
    "allowed network",
    (bypass) =>
      typeof bypass === "string"
        ? bypass.split(",").flatMap((one) => (one.trim() === "None" ? [] : [one.trim()]))
        : undefined,
    { absent: "any" },
  ),
  "properties.networkAcls.virtualNetworkRules": set("allowed network", byMember(["id"])),
  "properties.networkAcls.ipRules": set("allowed network", byMember(["value"])),
  "properties.networkAcls.resourceAccessRules": set("allowed network", byMember(["resourceId"])),
};

export const storageKinds: Readonly<Record<string, ResourceRules>> = {
  "Microsoft.Storage/storageAccounts": {
    kind: "storage account",
    added: "opened",
    removed: "closed",
    inWords: ({ name = "" }, { ofAccount }) => ofAccount(name),
    rules: account,
  },
  // The account's rules decide who reaches a share.
  "Microsoft.Storage/storageAccounts/fileServices": {
    kind: "content share",
    added: "changed",
    removed: "closed",
    rules: common,
  },
  "Microsoft.Storage/storageAccounts/fileServices/shares": {
    kind: "content share",
    added: "changed",
    removed: "closed",
    rules: common,
  },
};

/** A time of the form d.hh:mm:ss, in seconds; Infinity for none. */
function secondsOf(time: unknown): number {
  if (time === undefined) return Infinity;
  const text = typeof time === "string" ? time : "";
  const [, days = "0", hours, minutes, seconds] = /^(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})$/.exec(text) ?? [];
  return ((Number(days) * 24 + Number(hours)) * 60 + Number(minutes)) * 60 + Number(seconds);
}
