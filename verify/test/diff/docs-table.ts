/** The tables of docs/access-changes.md, made of the rules. */
import type { Rule, Rules } from "../../diff/rules.ts";
import { resourceKinds } from "../../diff/templates.ts";

/**
 * A row for each kind of opening of each resource type, with the properties that its rules compare.
 *
 * @param common the rules of all types, which are left out
 */
export function rowsOfKinds(common: Rules): string[] {
  return Object.entries(resourceKinds).flatMap(([type, { rules }]) => {
    const own = flat(rules).filter(([path, rule]) => common[path] !== rule && rule.opens);
    return [...Map.groupBy(own, ([, rule]) => rule.kind)].map(([kind, found]) =>
      rowOf(kind, `\`${type}\``, propertiesOf(found)),
    );
  });
}

/** A row for each resource type: what a new one is, and what it is to remove one. */
export function rowsOfTypes(): string[] {
  return Object.entries(resourceKinds).map(([type, { kind, added, removed }]) =>
    rowOf(kind, `\`${type}\``, added, removed),
  );
}

/** A row for each reason why a change has no effect, with the properties. */
export function rowsOfReasons(): string[] {
  const all = Object.values(resourceKinds).flatMap(({ rules }) => flat(rules));
  const found = Map.groupBy(
    all.filter(([, rule]) => !rule.opens && rule.inner === undefined),
    ([, rule]) => rule.kind,
  );
  return [...found].map(([reason, rules]) => rowOf(reason, propertiesOf(rules)));
}

function flat(rules: Rules): [path: string, rule: Rule][] {
  return Object.entries(rules).flatMap(([path, rule]) => [
    ...(path === "properties.siteConfig.appSettings" ? [] : [[path, rule] as [string, Rule]]),
    ...(rule.inner === undefined ? [] : flat(rule.inner)),
  ]);
}

/** Each by the last part of its path. */
function propertiesOf(rules: readonly (readonly [path: string, rule: Rule])[]): string {
  return [...new Set(rules.map(([path]) => `\`${path.split(".").at(-1) ?? path}\``))].join(", ");
}

function rowOf(...cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
