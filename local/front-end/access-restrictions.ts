/** App Service access restrictions: reads them from a site's configuration, and decides on a request's network. */
import * as v from "valibot";
import { isInRanges, parseAddressRange } from "../../tools/address-ranges.ts";

/** Where a request comes from, by its connection: no header changes it. */
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
 * Decides as App Service does: the rule with the lowest priority that matches; of equal ones, the first in the list; else
 * the unmatched rule. Where that is not configured, the request is allowed if there are no rules, and denied if there are any.
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
 * Reads the access restrictions of the main site from a site's `siteConfig`. Ignores its other settings. Refuses conditions
 * that this model does not evaluate (service tags, HTTP header filters, subnet masks): without them, it would allow more than
 * Azure does.
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
    // "Default" is a rule by address or subnet. This model does not evaluate "ServiceTag" and "XffProxy".
    tag: v.optional(v.literal("Default")),
  }),
  v.check(
    (rule) => (rule.vnetSubnetResourceId === undefined) !== (rule.ipAddress === undefined),
    "expected either vnetSubnetResourceId or ipAddress",
  ),
);

const accessRestrictionsSchema = v.object({
  // In Azure, a missing list means no rules, which allows everybody. Here it may also mean the wrong object.
  ipSecurityRestrictions: v.array(ruleSchema),
  ipSecurityRestrictionsDefaultAction: v.optional(v.picklist(["Allow", "Deny"])),
  // "Disabled" refuses every request before the rules, says the page above. A user reports that calls through a service
  // endpoint were still allowed (MicrosoftDocs/azure-docs 112891): nothing here relies on it, and this model refuses it.
  publicNetworkAccess: v.optional(v.literal("Enabled")),
});

type AccessRule = v.InferOutput<typeof ruleSchema>;

/** The access restrictions of a main site; made by {@link parseAccessRestrictions} only. */
export type AccessRestrictions = v.InferOutput<typeof accessRestrictionsSchema>;

function matches(rule: AccessRule, source: NetworkSource): boolean {
  if (rule.vnetSubnetResourceId !== undefined) {
    // Azure resource ids are not case-sensitive.
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
