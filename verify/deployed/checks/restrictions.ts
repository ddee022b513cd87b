import type { AccessRule } from "../../../infra/snapshot.ts";
import { RUNNER_RULE } from "../../../infra/scm-access/index.ts";
import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import type { Rule, WebConfig } from "../azure/resources.ts";
import { PROVISION, provisionUnlessPolicy, type Scene, type SceneService } from "../view.ts";

/** The priority of the rule that the platform adds for requests that match no other; nobody can set it. */
const UNMATCHED_PRIORITY = 2_147_483_647;

/**
 * Who may reach a site over the network. Read from `config/web`: the site's own `siteConfig` comes back without rules.
 *
 * @see https://learn.microsoft.com/azure/app-service/overview-access-restrictions
 */
export function restrictionChecks({ deployment }: Scene, { name, expected, azure }: SceneService): PlannedCheck[] {
  const { siteId, config, site, mainRules, scmRules } = expected;
  const common = { resource: siteId, read: azure.config, mend: PROVISION };
  return [
    question({
      ...common,
      id: `restrictions/${name}/main/rules`,
      title: `${name}: whom the main site lets in`,
      expected: wording(inWords(mainRules)),
      why: "Whoever is let in gets as far as the check of the token: one of the two layers is gone.",
      found: ({ properties }) => listed(inWords(properties.ipSecurityRestrictions), inWords(mainRules)),
    }),
    question({
      ...common,
      id: `restrictions/${name}/main/default-action`,
      title: `${name}: what the main site does with everybody else`,
      expected: shown(config.ipSecurityRestrictionsDefaultAction),
      why: "With Allow, every network that no rule names is let in.",
      found: ({ properties }) =>
        defaultAction(properties.ipSecurityRestrictionsDefaultAction, properties.ipSecurityRestrictions),
    }),
    question({
      ...common,
      id: `restrictions/${name}/main/public-network-access`,
      title: `${name}: whether the rules are what decides`,
      read: azure.site,
      expected: shown(site.publicNetworkAccess),
      why: "With anything else, callers are refused as well, by the documentation.",
      found: ({ properties }) => shown(properties.publicNetworkAccess),
      mend: provisionUnlessPolicy(deployment),
    }),
    question({
      ...common,
      id: `restrictions/${name}/scm/rules`,
      title: `${name}: whom the SCM site lets in`,
      expected: wording(inWords(scmRules)),
      why: "From the SCM site the app's code can be replaced, and with it the check of tokens.",
      found: ({ properties }) => listed(inWords(properties.scmIpSecurityRestrictions), inWords(scmRules)),
      mend: ({ properties }) => {
        const isLeft =
          properties.scmIpSecurityRestrictions?.some((rule) => rule.name?.startsWith(RUNNER_RULE)) === true;
        return isLeft ? `npm run scm-access -- close --all\n${PROVISION}` : PROVISION;
      },
    }),
    question({
      ...common,
      id: `restrictions/${name}/scm/default-action`,
      title: `${name}: what the SCM site does with everybody else`,
      expected: shown(config.scmIpSecurityRestrictionsDefaultAction),
      why: "With Allow, everybody gets as far as the sign-in of the SCM site.",
      found: ({ properties }) =>
        defaultAction(properties.scmIpSecurityRestrictionsDefaultAction, properties.scmIpSecurityRestrictions),
    }),
    question({
      ...common,
      id: `restrictions/${name}/scm/rules-of-main`,
      title: `${name}: whether the SCM site takes over the main site's rules`,
      expected: shown(config.scmIpSecurityRestrictionsUseMain),
      why: "With the main site's rules, callers reach the SCM site, and deployers do not.",
      found: ({ properties }) => shown(properties.scmIpSecurityRestrictionsUseMain),
    }),
  ];
}

type Rules = WebConfig["ipSecurityRestrictions"];

/** Each rule in words, without those that the platform adds. What a rule adds to action and origin is told as well. */
function inWords(rules: Rules | readonly AccessRule[]): string[] {
  const own = (rules ?? []).filter((rule) => !isSynthetic(rule));
  return own.flatMap((rule: Partial<Rule>) => {
    const { action, tag, ipAddress, vnetSubnetResourceId, headers, name } = rule;
    const more = [
      ...(["Default", undefined, null].includes(tag) ? [] : [`by ${tag ?? ""}`]),
      ...(Object.keys(headers ?? {}).length > 0 ? ["with conditions on headers"] : []),
    ];
    const suffix = more.length === 0 ? "" : ` ${more.join(" ")} (rule ${shown(name)})`;
    // "Any" and 0.0.0.0/0 are one range to the platform, which says either.
    const address = ipAddress === "Any" ? "0.0.0.0/0" : ipAddress;
    const origins = [vnetSubnetResourceId, address].flatMap((origin) => origin?.split(",") ?? []);
    if (origins.length === 0) origins.push("anybody");
    return origins.map((origin) => `${shown(action)} ${origin}${suffix}`);
  });
}

/**
 * Besides the setting there is a rule of the platform's that says the same: where the two disagree, both are told. Of
 * several such rules all are: one that looks like the platform's may be somebody's own.
 */
function defaultAction(action: string | null | undefined, rules: Rules): string {
  const added = [...new Set(rules?.filter(isSynthetic).map((rule) => rule.action))].join(" and ");
  if (action === undefined || action === null || action === "") return shown(added);
  return added === "" || added === action ? action : `${action}, and a last rule that says ${added}`;
}

function isSynthetic({ priority, ipAddress }: Partial<Rule>): boolean {
  return priority === UNMATCHED_PRIORITY && ipAddress === "Any";
}
