/** Every rule of an evaluated template: one changed property opens something, and the docs list the rule. */
import "../../tools/testing/example-system.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSnapshot, type Resource, snapshotNames } from "../../infra/snapshot.ts";
import { CALL, END, EXTERNAL_CLIENT, EXTERNAL_NETWORK, ROLE_ID, UNUSED_ROLE, WITHOUT_TOKEN } from "../diff/access.ts";
import { digestOf, type Finding, isOpening, WORDS } from "../diff/finding.ts";
import { common } from "../diff/kinds/resource-rules.ts";
import type { Rule, Rules } from "../diff/rules.ts";
import { compareTemplates, resourceKinds } from "../diff/templates.ts";
import { policy } from "../model/policy.ts";
import { rowsOfKinds, rowsOfReasons, rowsOfTypes } from "./diff/docs-table.ts";
import { type Opening, openings } from "./diff/openings.ts";

/** The rules that can open, by path, also those of the members of lists. */
function openingRules(rules: Rules, prefix = ""): [path: string, rule: Rule][] {
  return Object.entries(rules).flatMap(([path, rule]) => {
    const isList = path !== "properties.siteConfig.appSettings";
    const isOwn = isList && rule.opens && rule !== common[path];
    const inner = rule.inner === undefined ? [] : openingRules(rule.inner, `${path}.${isList ? "[]." : ""}`);
    return [...(isOwn ? [[`${prefix}${path}`, rule] as [string, Rule]] : []), ...inner];
  });
}

const all = Object.entries(resourceKinds).map(([type, { rules }]) => ({ type, rules: openingRules(rules) }));
const cases = all.flatMap(({ type, rules }) =>
  rules.map(([path, { kind }]) => ({ type, path, kind, opening: openings[type]?.[path] })),
);

/** Templates with this resource only. */
function withOne(resource: Resource | undefined): Parameters<typeof compareTemplates>[0] {
  return { policy, snapshots: { one: { predictedResources: resource === undefined ? [] : [resource] } } };
}

/** A resource of the type, of the first evaluated template that has one; where none has, an empty one. */
function example(type: string): Resource {
  const found = ["everything" as const, ...snapshotNames]
    .flatMap((name) => readSnapshot(name).predictedResources)
    // Of the sites, one with an allow-list.
    .find((resource) => resource.type === type && (type !== "Microsoft.Web/sites" || has(resource, "ALLOWED_CALLERS")));
  return structuredClone(found ?? { type, id: `/${type}/example`, name: "example", properties: {} });
}

/** A copy of a resource with another value at a path. */
function withValue(resource: Resource, path: string, value: unknown): Resource {
  const copy = structuredClone(resource) as unknown as Record<string, unknown>;
  const names = path.split(".");
  let at: Record<string, unknown> = copy;
  for (const [i, name] of names.entries()) {
    const isLast = i === names.length - 1;
    if (name === "[]") {
      at = (at as unknown as Record<string, unknown>[])[0] ?? {};
    } else if (name === "appSettings") {
      setSetting(at[name] as { name: string; value: unknown }[], names[i + 1] ?? "", value);
      break;
    } else if (!isLast) {
      at = (at[name] ??= {}) as Record<string, unknown>;
    } else if (value === undefined) {
      Reflect.deleteProperty(at, name);
    } else {
      at[name] = value;
    }
  }
  return copy as unknown as Resource;
}

function setSetting(settings: { name: string; value: unknown }[], name: string, value: unknown): void {
  const index = settings.findIndex((setting) => setting.name === name);
  settings.splice(index === -1 ? settings.length : index, index === -1 ? 0 : 1);
  if (value !== undefined) settings.push({ name, value });
}

function has(resource: Resource, content: string): boolean {
  return JSON.stringify(resource).includes(content);
}

function changed(type: string, path: string, { from, to }: Opening): readonly Finding[] {
  const before = from === undefined ? example(type) : withValue(example(type), path, from);
  return compareTemplates(withOne(before), withOne(withValue(before, path, to)));
}

describe("a property of an evaluated template", () => {
  it("has an example of an opening if it has a rule that opens", () => {
    const pathsOf = (paths: readonly string[]): string[] => [...paths].sort();
    expect(
      Object.fromEntries(Object.entries(openings).map(([type, paths]) => [type, pathsOf(Object.keys(paths))])),
    ).toEqual(Object.fromEntries(all.map(({ type, rules }) => [type, pathsOf(rules.map(([path]) => path))])));
  });

  it.each(cases)("opens when it alone is changed: $type $path", ({ type, path, kind, opening }) => {
    const found = changed(type, path, opening ?? { to: undefined });
    expect(found.some(isOpening)).toBe(true);
    expect([...new Set(found.map((one) => one.kind))]).toEqual([kind]);
  });

  it.each(Object.keys(resourceKinds))("is not understood where no rule knows it: %s", (type) => {
    for (const path of ["properties.unheardOf", "unheardOf", "properties.constructor"]) {
      const found = changed(type, path, { to: { a: [1] } });
      expect(found.map(({ word }) => word)).toEqual(["changed, not understood"]);
    }
  });

  it("is not understood beside others that a rule knows, and where an empty object appears", () => {
    const before = example("Microsoft.Web/sites");
    const harmless = withValue(before, "properties.siteConfig.alwaysOn", "other");
    for (const [path, value] of [
      ["properties.siteConfig.unheardOf", 1],
      ["properties.siteConfig.empty", {}],
    ] as const) {
      const found = compareTemplates(withOne(before), withOne(withValue(harmless, path, value)));
      expect(found.map(({ word }) => word).sort()).toEqual(["changed", "changed, not understood"]);
    }
  });

  it("is not understood where a rule expects another form", () => {
    for (const { type, path } of cases) {
      const found = changed(type, path, { to: { odd: 1 } });
      expect([type, path, found.some(isOpening)]).toEqual([type, path, true]);
    }
  });
});

describe("docs/access-changes.md", () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "access-changes.md"), "utf8");
  /** The rows of a table, without the spaces that align its columns. */
  const rows = text.split("\n").map((line) => line.replaceAll(/ +/g, " "));

  it.each([
    ["kind of opening", rowsOfKinds(common)],
    ["resource type", rowsOfTypes()],
    ["reason", rowsOfReasons()],
  ])("has the row of every %s", (_what, expected) => {
    expect(expected.length).toBeGreaterThan(10);
    expect(expected.filter((row) => !rows.includes(row))).toEqual([]);
  });

  it("has no other row about resource types", () => {
    const all = [...rowsOfKinds(common), ...rowsOfTypes()];
    expect(rows.filter((row) => row.includes("| `Microsoft.") && !all.includes(row))).toEqual([]);
  });

  it("has the kinds of access", () => {
    const kinds = [CALL, WITHOUT_TOKEN, UNUSED_ROLE, ROLE_ID, END, EXTERNAL_NETWORK, EXTERNAL_CLIENT];
    expect(kinds.filter((kind) => !rows.some((row) => row.startsWith(`| ${kind} | `)))).toEqual([]);
  });

  it("shows the label of the lines above it", () => {
    const [, block = ""] = /```text\n([^`]*)```/.exec(text) ?? [];
    const findings = block.split("\n").flatMap((line): Finding[] => {
      const word = (Object.keys(WORDS) as Finding["word"][]).find((one) => line.startsWith(`${one}: `));
      return word === undefined ? [] : [{ word, kind: "", text: line.slice(word.length + 2) }];
    });
    expect(findings.length).toBeGreaterThan(1);
    expect(block).toContain(` access-change-${digestOf(findings) ?? "none"} `);
  });

  it("has every word", () => {
    expect(Object.keys(WORDS).filter((word) => !text.includes(`\`${word}\``))).toEqual([]);
  });
});

describe("a resource", () => {
  it.each(Object.entries(resourceKinds))(
    "that is new or gone has the word of its type: %s",
    (type, { kind, ...words }) => {
      const [none, one] = [withOne(undefined), withOne(example(type))];
      expect(compareTemplates(none, one)[0]).toMatchObject({ kind, word: words.added });
      const gone = words.isPart ? "closed" : words.removed;
      expect(compareTemplates(one, none)).toMatchObject([{ kind, word: gone }]);
    },
  );

  it("of a type that has no rules is not understood, new, changed or gone", () => {
    const vault = {
      type: "Microsoft.KeyVault/vaults",
      id: "/vaults/a",
      name: "a",
      properties: { enableSoftDelete: true },
    };
    const other = { ...vault, properties: { enableSoftDelete: false } };
    const states = [undefined, vault, other].map((resource) => withOne(resource));
    for (const before of states) {
      for (const after of states.filter((state) => state !== before)) {
        expect(compareTemplates(before, after).map(({ word }) => word)).toEqual(["changed, not understood"]);
      }
    }
  });
});
