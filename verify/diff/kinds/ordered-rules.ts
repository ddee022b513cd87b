/** Lists of rules that allow or deny, of which the first one that matches decides: access restrictions and security rules. */
import { contains } from "../../../tools/address-ranges.ts";
import { type Finding, inGroup, type Word } from "../finding.ts";
import { type Change, isObject, notUnderstood, orSame, type Rule } from "../rules.ts";
import { withOthers } from "./resource-rules.ts";

/** A rule of such a list. */
interface Line {
  readonly allows: boolean;
  readonly priority: number;
  /** What it matches, in words. */
  readonly text: string;
  /** The addresses that it matches, if it matches by nothing else. */
  readonly range?: string;
}

/** Reads a rule; undefined if it is not understood. */
type Read = (rule: Readonly<Record<string, unknown>>) => Line | undefined;

/**
 * Access restrictions of a site. Priority: the lowest number comes first.
 * https://learn.microsoft.com/azure/app-service/overview-access-restrictions
 */
export function accessRestrictions(kind: string): Rule {
  return ruleList(kind, (rule) => {
    const { ipAddress, vnetSubnetResourceId, action, priority } = rule;
    const [origin, another] = [ipAddress, vnetSubnetResourceId].filter((one) => one !== undefined);
    if (typeof origin !== "string" || another !== undefined) return undefined;
    const others = withOthers(rule, RESTRICTION);
    return lineOf(action, priority, {
      text: `${ipAddress === undefined ? `subnet ${inGroup(origin)}` : origin}${others}`,
      ...(ipAddress !== undefined && others === "" && { range: origin }),
    });
  });
}

/**
 * Security rules of a network security group.
 * https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview
 */
export function securityRules(kind: string): Rule {
  return ruleList(kind, (rule) => {
    const properties = rule["properties"];
    if (!isObject(properties)) return undefined;
    const text = (name: string): string => {
      const value = properties[name];
      return value === undefined ? "?" : typeof value === "string" ? value : JSON.stringify(value);
    };
    const ports = properties["destinationPortRanges"] === undefined ? "destinationPortRange" : "destinationPortRanges";
    const from = `${text("sourceAddressPrefix")}:${text("sourcePortRange")}`;
    const to = `${text("destinationAddressPrefix")}:${text(ports)}`;
    return lineOf(properties["access"], properties["priority"], {
      text:
        `${text("direction")} ${text("protocol")} from ${from} to ${to}` +
        withOthers(properties, [...SECURITY, ports]) +
        withOthers(rule, ["name", "properties"]),
    });
  });
}

/** Without an action, a rule counts as one that allows. Another action, or a priority that is no integer, is not understood. */
function lineOf(action: unknown, priority: unknown, line: Pick<Line, "text" | "range">): Line | undefined {
  if (action !== undefined && action !== "Allow" && action !== "Deny") return undefined;
  const order = priority ?? 0;
  if (typeof order !== "number" || !Number.isInteger(order)) return undefined;
  return { allows: action !== "Deny", priority: order, ...line };
}

const RESTRICTION = ["name", "description", "action", "priority", "ipAddress", "vnetSubnetResourceId"];
const SECURITY = [
  ...["description", "access", "priority", "direction", "protocol"],
  ...["sourceAddressPrefix", "sourcePortRange", "destinationAddressPrefix"],
];

/**
 * Wherever it stands in the list, a further rule that allows can only open, and a further one that denies can only close; for a
 * rule that is gone, it is the other way round.
 */
function ruleList(kind: string, read: Read): Rule {
  return {
    kind,
    opens: true,
    compare: (change) => {
      const [before, after] = [linesOf(change.isNew ? [] : change.before, read), linesOf(change.after, read)];
      if (before === undefined || after === undefined) return [notUnderstood(change)];
      // A range may contain another one only where no rule denies a part of it.
      const onlyAllow = [...before, ...after].every(({ allows }) => allows);
      const added = { ifAllows: "opened", ifDenies: "closed", denies: "a rule that denies" } as const;
      const gone = { ifAllows: "closed", ifDenies: "opened", denies: "a rule that denies is gone" } as const;
      const found = [
        ...differences(kind, change, { from: before, to: after, onlyAllow, ...added }),
        ...differences(kind, change, { from: after, to: before, onlyAllow, ...gone }),
      ];
      const isSameOrder = onlyAllow || orderOf(before, after) === orderOf(after, before);
      return isSameOrder ? orSame(change, kind, found) : [...found, notUnderstood(change)];
    },
  };
}

/** The lines that only `to` has. */
function differences(
  kind: string,
  { what }: Change,
  {
    from,
    to,
    ifAllows,
    ifDenies,
    onlyAllow,
    denies,
  }: {
    readonly from: readonly Line[];
    readonly to: readonly Line[];
    readonly ifAllows: Word;
    readonly ifDenies: Word;
    readonly onlyAllow: boolean;
    readonly denies: string;
  },
): Finding[] {
  const there = new Set(from.map(textOf));
  return [...new Map(to.map((line) => [textOf(line), line])).values()]
    .filter((line) => !there.has(textOf(line)))
    .map(({ allows, text, range }) => {
      const wider =
        onlyAllow && range !== undefined ? from.find((line) => contains(line.range, range))?.range : undefined;
      if (wider !== undefined)
        return { word: "changed", kind, text: `${kind} of ${what} for ${text}, a part of ${wider}` };
      const word = allows ? ifAllows : ifDenies;
      return { word, kind, text: `${kind} of ${what} for ${text}${allows ? "" : ` (${denies})`}` };
    });
}

/** By priority; undefined if the list is not understood. */
function linesOf(value: unknown, read: Read): readonly Line[] | undefined {
  const list: unknown = value ?? [];
  if (!Array.isArray(list) || !list.every(isObject)) return undefined;
  const lines = list.map(read).filter((line) => line !== undefined);
  return lines.length === list.length ? lines.sort((one, other) => one.priority - other.priority) : undefined;
}

/** The order of the lines that both lists have. */
function orderOf(lines: readonly Line[], others: readonly Line[]): string {
  const there = new Set(others.map(textOf));
  return JSON.stringify(lines.map(textOf).filter((text) => there.has(text)));
}

function textOf({ allows, text }: Line): string {
  return `${allows ? "Allow" : "Deny"} ${text}`;
}
