/** The rules of app settings. */
import type { Finding } from "../finding.ts";
import {
  exact,
  fromTo,
  isObject,
  notUnderstood,
  NOT_UNDERSTOOD,
  numbers,
  ordered,
  orSame,
  own,
  type Rule,
  type Rules,
  set,
} from "../rules.ts";

/** Of these, the guard reads the first ones: `guardSettings` in shared/functions/protected-app.ts. */
const known: Rules = {
  AZURE_TENANT_ID: exact("issuer of accepted tokens"),
  AZURE_AUTHORITY_HOST: exact("issuer of accepted tokens"),
  API_CLIENT_ID: exact("accepted audience"),
  API_IDENTIFIER_URI: exact("accepted audience"),
  ALLOWED_CALLERS: set("allow-list", clientIds, { absent: "any" }),
  DENIED_CALLERS: set("deny-list", clientIds, { added: "closed", removed: "opened" }),
  MINIMUM_CLIENT_AUTHENTICATION: ordered("client authentication", ["certificate", "secret", "public"], {
    absent: "secret",
  }),
  // Without a date, the guard refuses.
  REPORT_ONLY_UNTIL: numbers(
    "report only",
    (date) => (date === undefined ? 0 : dayOf(date)),
    { higher: "opened", lower: "closed" },
    0,
  ),
  AzureWebJobsDisableHomepage: ordered("home page of the Functions host", ["true", "false"]),
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: numbers("longest request body", bytesOf, {
    higher: "weakened",
    lower: "closed",
  }),
};

/** The list of app settings of a site. One that no rule knows is not understood: its name does not say what it does. */
export const settings: Rule = {
  kind: NOT_UNDERSTOOD,
  opens: true,
  inner: known,
  compare: (change) => {
    const [before, after] = [byName(change.before), byName(change.after)];
    if (before === undefined || after === undefined) return [notUnderstood(change)];
    const found = [...new Set([...before.keys(), ...after.keys()])].flatMap((name): readonly Finding[] => {
      const rule = own(known, name);
      const one = { ...change, path: name, before: before.get(name), after: after.get(name) };
      // Of a new site, only rules say what opens. That there is one is a finding of its own.
      if (change.isNew) return rule?.compare({ ...one, before: undefined }) ?? [];
      if (one.before === one.after) return [];
      if (rule !== undefined) return rule.compare(one);
      return [fromTo(`app setting ${name}`, "changed, not understood", one, NOT_UNDERSTOOD)];
    });
    return orSame(change, "order of app settings", found);
  },
};

/** @returns undefined if the list is not understood */
function byName(value: unknown): ReadonlyMap<string, string> | undefined {
  const list: unknown = value ?? [];
  if (!Array.isArray(list)) return undefined;
  const found = new Map<string, string>();
  for (const one of list as readonly unknown[]) {
    if (!isObject(one) || typeof one["name"] !== "string" || typeof one["value"] !== "string") return undefined;
    if (found.has(one["name"]) || Object.keys(one).length > 2) return undefined;
    found.set(one["name"], one["value"]);
  }
  return found;
}

/** The client ids of a list: `a,b`, or an expression that joins an array. */
function clientIds(value: unknown): readonly string[] | undefined {
  if (typeof value !== "string") return undefined;
  if (!value.startsWith("[")) return value.split(",").map((id) => id.trim());
  const [, list] = /^\[join\(createArray\((.*)\), ','\)\]$/.exec(value) ?? [];
  return list === undefined ? undefined : argumentsOf(list);
}

/** The arguments of a call in a template expression, without the quotes of a text. */
function argumentsOf(list: string): string[] | undefined {
  const found = [""];
  let depth = 0;
  let isText = false;
  for (const character of list) {
    if (character === "'") isText = !isText;
    else if (!isText && "([".includes(character)) depth++;
    else if (!isText && ")]".includes(character)) depth--;
    if (depth < 0) return undefined;
    if (character === "," && depth === 0 && !isText) found.push("");
    else found.push(`${found.pop() ?? ""}${character}`);
  }
  return depth === 0 && !isText ? found.map((one) => one.trim().replace(/^'([^']*)'$/, "$1")) : undefined;
}

/** @returns Infinity without a value, and NaN for anything but digits */
function bytesOf(value: unknown): number {
  if (value === undefined) return Infinity;
  return typeof value === "string" && /^\d+$/.test(value) ? Number(value) : NaN;
}

function dayOf(date: unknown): number {
  return typeof date === "string" && /^\d{4}-\d{2}-\d{2}$/.test(date) ? Number(date.replaceAll("-", "")) : NaN;
}
