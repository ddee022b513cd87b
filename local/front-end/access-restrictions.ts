import * as v from "valibot";
import { isInRanges, parseAddressRange } from "../../tools/address-ranges.ts";

/** Where a request comes from, as the front end sees it: by its connection, never by anything the request says. */
export interface NetworkSource {
  /** IPv4 or IPv6. Traffic through a service endpoint arrives from a unique local (`fd00:...`) address. */
  readonly address: string;
  /** The subnet's resource id, for traffic through its `Microsoft.Web` service endpoint. */
  readonly vnetSubnetResourceId?: string;
}

export interface AccessDecision {
  readonly action: "Allow" | "Deny";
  /** Name of the rule that decided; `unmatched rule` when none did. */
  readonly rule: string;
}

/**
 * Decides as App Service's front end does: rules by ascending priority, those of equal priority in the order in which
 * they are listed, the first match wins; then the unmatched rule. Where that is not configured, it allows as long as
 * there are no rules at all and denies as soon as there is one.
 *
 * Source: https://learn.microsoft.com/azure/app-service/overview-access-restrictions
 */
export function decideAccess(restrictions: AccessRestrictions, source: NetworkSource): AccessDecision {
  const rules = restrictions.ipSecurityRestrictions.toSorted((a, b) => a.priority - b.priority);
  const match = rules.find((rule) => matches(rule, source));
  if (match) return { action: match.action, rule: match.name };

  const implicitAction = rules.length === 0 ? "Allow" : "Deny";
  return { action: restrictions.ipSecurityRestrictionsDefaultAction ?? implicitAction, rule: "unmatched rule" };
}

/**
 * Reads the access restrictions of the main site out of a site's `siteConfig`, whose other settings are ignored.
 * Whatever this model does not decide as Azure would (service tags, HTTP header filters, subnet masks) is refused
 * rather than ignored: a condition left out would open the door wider than the real one.
 *
 * @throws Error that names each offending rule and property.
 */
export function parseAccessRestrictions(siteConfig: unknown): AccessRestrictions {
  const result = v.safeParse(accessRestrictionsSchema, siteConfig);
  if (result.success) return result.output;

  const problems = result.issues.map((issue) => `${v.getDotPath(issue) ?? "siteConfig"}: ${issue.message}`);
  throw new Error(`Access restrictions that the local front end cannot evaluate faithfully.\n${problems.join("\n")}`);
}

/** Multi-source rules combine up to eight ranges (same source). */
const MAXIMUM_RANGES = 8;

const ruleSchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.string(), v.nonEmpty()),
    description: v.optional(v.string()),
    action: v.picklist(["Allow", "Deny"]),
    priority: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(2_147_483_647)),
    vnetSubnetResourceId: v.optional(v.pipe(v.string(), v.regex(/^\/subscriptions\/.+\/subnets\/[^/]+$/i))),
    ipAddress: v.optional(v.pipe(v.string(), v.check(isAddressCondition, expectedAddressCondition))),
    // "Default" is how Azure says that a rule is by address or subnet; "ServiceTag" and "XffProxy" are not known here.
    tag: v.optional(v.literal("Default")),
  }),
  v.check(
    (rule) => (rule.vnetSubnetResourceId === undefined) !== (rule.ipAddress === undefined),
    "expected either vnetSubnetResourceId or ipAddress",
  ),
);

const accessRestrictionsSchema = v.object({
  // Azure takes a missing list for "no rules", which lets everybody in: here, as likely, it is the wrong object.
  ipSecurityRestrictions: v.array(ruleSchema),
  ipSecurityRestrictionsDefaultAction: v.optional(v.picklist(["Allow", "Deny"])),
  // "Disabled" refuses everybody before the rules are looked at, says the page above. Somebody's calls through a service
  // endpoint still got in (MicrosoftDocs/azure-docs 112891): so it is not modelled here, and nothing here rests on it.
  publicNetworkAccess: v.optional(v.literal("Enabled")),
});

type AccessRule = v.InferOutput<typeof ruleSchema>;

/** The part of a site's `siteConfig` that says who may reach the main site; only {@link parseAccessRestrictions} makes one. */
export type AccessRestrictions = v.InferOutput<typeof accessRestrictionsSchema>;

function matches(rule: AccessRule, source: NetworkSource): boolean {
  if (rule.vnetSubnetResourceId !== undefined) {
    // Azure resource ids compare without regard to case.
    return rule.vnetSubnetResourceId.toLowerCase() === source.vnetSubnetResourceId?.toLowerCase();
  }
  if (rule.ipAddress === "Any") return true;
  if (rule.ipAddress === "AnyVnets") return source.vnetSubnetResourceId !== undefined;
  return isInRanges(source.address, rule.ipAddress?.split(",") ?? []);
}

function isAddressCondition(text: string): boolean {
  if (text === "Any" || text === "AnyVnets") return true;
  const ranges = text.split(",");
  return ranges.length <= MAXIMUM_RANGES && ranges.every((range) => parseAddressRange(range) !== undefined);
}

function expectedAddressCondition(): string {
  return `expected "Any", "AnyVnets" or up to ${MAXIMUM_RANGES} comma-separated ranges such as 203.0.113.0/24`;
}
