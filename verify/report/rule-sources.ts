/** The line of the access policy or of a template that states what a call or a check must show. */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { type SourceLine, policyLine, textLine } from "../../tools/source-lines.ts";
import type { Cell, Check, Operation } from "../model/report.ts";

const SITE = "infra/modules/site.bicep";
const ENTRA = "infra/modules/entra.bicep";
const NETWORK = "infra/modules/network.bicep";

/** By the beginning of a check's id, the longest first: a file, and texts in it, each after the one before. */
const TEMPLATES: readonly (readonly [RegExp, file: string, ...texts: string[]])[] = [
  [/^restrictions\/[^/]+\/main\/default-action$/, SITE, "ipSecurityRestrictionsDefaultAction"],
  [/^restrictions\/[^/]+\/main\/public/, SITE, "publicNetworkAccess"],
  [/^restrictions\/[^/]+\/main/, SITE, "ipSecurityRestrictions:"],
  [/^restrictions\/[^/]+\/scm\/rules-of-main$/, SITE, "scmIpSecurityRestrictionsUseMain"],
  [/^restrictions\/[^/]+\/scm\/default-action$/, SITE, "scmIpSecurityRestrictionsDefaultAction"],
  [/^restrictions\/[^/]+\/scm/, SITE, "scmIpSecurityRestrictions:"],
  [/^sites\/[^/]+\/authentication/, "infra/modules/authentication.bicep", "resource authentication "],
  [/^sites\/[^/]+\/settings/, "infra/modules/service.bicep", "settings:"],
  [/^sites\//, SITE, "resource site "],
  [/^network\/[^/]+\/(security-group|outbound)$/, NETWORK, "resource outbound "],
  [/^network\/[^/]+\/plan/, "infra/modules/plan.bicep", "resource elasticPremium "],
  [/^network\//, NETWORK, "resource network "],
  [/^storage\/.*-host\//, "infra/modules/host-storage.bicep", "resource account "],
  [/^storage\//, "infra/modules/data-storage.bicep", "resource account "],
  [/^directory\/[^/]+\/identity/, "infra/modules/identities.bicep", "resource identity "],
  [/^directory\/[^/]+\/client-/, ENTRA, "resource callerApplication "],
  [/^directory\/[^/]+\/assignment-required$/, ENTRA, "appRoleAssignmentRequired"],
  [/^directory\//, ENTRA, "resource application "],
  [/^probe\//, "infra/probe.bicep", "resource group "],
];

/** Where the template of any other resource begins. */
const MAIN: SourceLine = { file: "infra/main.bicep", line: 1 };

/** The grant that a call is about, if its caller holds one; else the callers of the service. Of the network: its template. */
export function sourceOfCell({ caller, expected, actual }: Cell, operation: Operation | undefined): SourceLine {
  if ([expected, actual].some((outcome) => outcome?.refusedBy === "network")) {
    return textLine(SITE, "ipSecurityRestrictions:");
  }
  return policyLine(["services", operation?.service ?? "", "callers", ...(caller === null ? [] : [caller])]);
}

export function sourceOfCheck({ id }: Check, policy: Policy): SourceLine {
  const [area, name = "", caller = "", role = ""] = id.split("/");
  if (area === "assignments") {
    const held = policy.services[name]?.callers[caller]?.indexOf(role) ?? -1;
    return policyLine(["services", name, "callers", caller, ...(held === -1 ? [] : [held])]);
  }
  if (area === "grants") return policyLine(["services", name, "justifications", caller, role, "until"]);
  if (area === "code") return { file: `${name}/src/main.ts`, line: 1 };
  if (area === "external") return policyLine(["externalCallers", name]);
  const template = TEMPLATES.find(([ids]) => ids.test(id));
  if (template === undefined) return MAIN;
  const [, file, ...texts] = template;
  return textLine(file, ...texts);
}
