/**
 * Checks of the access restrictions. They are read from `config/web`, because the site's `siteConfig` has no rules.
 *
 * @see https://learn.microsoft.com/azure/app-service/overview-access-restrictions
 */
import type { AccessRule } from "../../../infra/snapshot.ts";
import { RUNNER_RULE } from "../../../infra/scm-access/index.ts";
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import type { Rule, WebConfig } from "../azure/resources.ts";
import { PROVISION, provisionUnlessPolicy } from "../fixes.ts";
import type { DeploymentView, ServiceView } from "../view.ts";

/** The platform adds a last rule with this priority. Nobody can set it. */
const UNMATCHED_PRIORITY = 2_147_483_647;

export function restrictionChecks({ deployment }: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, azure, siteId, config, site, mainRules, scmRules } = service;
  const common = { resource: siteId, read: azure.config, fix: PROVISION };
  return [
    plannedCheck({
      ...common,
      id: `restrictions/${name}/main/rules`,
      title: `${name}: the networks that the main site lets in`,
      expected: wording(inWords(mainRules)),
      why: "Calls from a network that is let in reach the token check: one of the two layers is gone.",
      found: ({ properties }) => listed(inWords(properties.ipSecurityRestrictions), inWords(mainRules)),
    }),
    plannedCheck({
      ...common,
      id: `restrictions/${name}/main/default-action`,
      title: `${name}: the default action of the main site`,
      expected: shown(config.ipSecurityRestrictionsDefaultAction),
      why: "With Allow, every network that no rule names is let in.",
      found: ({ properties }) =>
        defaultAction(properties.ipSecurityRestrictionsDefaultAction, properties.ipSecurityRestrictions),
    }),
    plannedCheck({
      ...common,
      id: `restrictions/${name}/main/public-network-access`,
      title: `${name}: public network access, filtered by the rules`,
      read: azure.site,
      expected: shown(site.publicNetworkAccess),
      why: "With any other value, callers are refused as well, according to the documentation.",
      found: ({ properties }) => shown(properties.publicNetworkAccess),
      fix: provisionUnlessPolicy(deployment),
    }),
    plannedCheck({
      ...common,
      id: `restrictions/${name}/scm/rules`,
      title: `${name}: the networks that the SCM site lets in`,
      expected: wording(inWords(scmRules)),
      why: "From the SCM site the app's code can be replaced, and with it the check of tokens.",
      found: ({ properties }) => listed(inWords(properties.scmIpSecurityRestrictions), inWords(scmRules)),
      fix: ({ properties }) => {
        const isLeft =
          properties.scmIpSecurityRestrictions?.some((rule) => rule.name?.startsWith(RUNNER_RULE)) === true;
        return isLeft ? `npm run scm-access -- close --all\n${PROVISION}` : PROVISION;
      },
    }),
    plannedCheck({
      ...common,
      id: `restrictions/${name}/scm/default-action`,
      title: `${name}: the default action of the SCM site`,
      expected: shown(config.scmIpSecurityRestrictionsDefaultAction),
      why: "With Allow, everybody reaches the sign-in of the SCM site.",
      found: ({ properties }) =>
        defaultAction(properties.scmIpSecurityRestrictionsDefaultAction, properties.scmIpSecurityRestrictions),
    }),
    plannedCheck({
      ...common,
      id: `restrictions/${name}/scm/rules-of-main`,
      title: `${name}: whether the SCM site uses the main site's rules`,
      expected: shown(config.scmIpSecurityRestrictionsUseMain),
      why: "With the main site's rules, callers reach the SCM site, and deployers do not.",
      found: ({ properties }) => shown(properties.scmIpSecurityRestrictionsUseMain),
    }),
  ];
}

type Rules = WebConfig["ipSecurityRestrictions"];

/** Each rule in words, without those of the platform. */
function inWords(rules: Rules | readonly AccessRule[]): string[] {
  const own = (rules ?? []).filter((rule) => !isSynthetic(rule));
  return own.flatMap((rule: Partial<Rule>) => {
    const { action, tag, ipAddress, vnetSubnetResourceId, headers, name } = rule;
    const more = [
      ...(["Default", undefined, null].includes(tag) ? [] : [`by ${tag ?? ""}`]),
      ...(Object.keys(headers ?? {}).length > 0 ? ["with conditions on headers"] : []),
    ];
    const suffix = more.length === 0 ? "" : ` ${more.join(" ")} (rule ${shown(name)})`;
    // For the platform, "Any" and 0.0.0.0/0 are the same range.
    const address = ipAddress === "Any" ? "0.0.0.0/0" : ipAddress;
    const origins = [vnetSubnetResourceId, address].flatMap((origin) => origin?.split(",") ?? []);
    if (origins.length === 0) origins.push("anybody");
    return origins.map((origin) => `${shown(action)} ${origin}${suffix}`);
  });
}

/**
 * The platform adds a last rule with the default action. If setting and rule disagree, shows both. Shows every such rule,
 * because an added rule can look like the platform's.
 */
function defaultAction(action: string | null | undefined, rules: Rules): string {
  const added = [...new Set(rules?.filter(isSynthetic).map((rule) => rule.action))].join(" and ");
  if (action === undefined || action === null || action === "") return shown(added);
  return added === "" || added === action ? action : `${action}, and a last rule that says ${added}`;
}

function isSynthetic({ priority, ipAddress }: Partial<Rule>): boolean {
  return priority === UNMATCHED_PRIORITY && ipAddress === "Any";
}
