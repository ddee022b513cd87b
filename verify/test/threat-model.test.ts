/** The threat model names existing evidence. */
import "../../tools/testing/example-system.ts";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { invariants } from "../../infra/invariants/index.ts";
import { accessPolicy } from "../../tools/access-policy.ts";
import { policy } from "../model/policy.ts";
import { matrixOf } from "../local/matrix.ts";
import { matcherOf } from "../model/filter.ts";

const root = join(import.meta.dirname, "..", "..");
const text = readFileSync(join(root, "docs", "threat-model.md"), "utf8");
const boundaries = boundariesOf(text);
const threats = boundaries.flatMap((boundary) => boundary.threats);
const cells = matrixOf(policy);

/** Tests of a service go with its business: with another one, none of those that are named is there. */
const ofBusiness = /^[a-z-]+-func\//;
const isOtherBusiness = threats
  .flatMap(({ shownBy }) => shownBy.map(({ reference }) => reference.split(": ")[0] ?? ""))
  .every((file) => !ofBusiness.test(file) || !existsSync(join(root, file)));

/** The first part of a check's id; the second is a service. That each check is there, deployed.test.ts tests. */
const CHECK_AREAS = "restrictions sites network storage directory assignments external code grants template".split(" ");

describe("the threat model", () => {
  it("has threats at each of its boundaries", () => {
    expect(boundaries.map(({ title }) => title)).toHaveLength(5);
    expect(threats.length).toBeGreaterThan(30);
    expect(new Set(threats.map(({ number }) => number)).size).toBe(threats.length);
  });

  it.each(boundaries)("speaks of each letter of STRIDE, or says why not: $title", ({ threats: own, notApplicable }) => {
    const spoken = new Set([...own.flatMap(({ letters }) => letters), ...notApplicable]);
    expect([...spoken].sort()).toEqual(["D", "E", "I", "R", "S", "T"]);
    for (const letter of notApplicable) expect(own.flatMap(({ letters }) => letters)).not.toContain(letter);
  });

  it.each(threats)("shows what stops $number $title", ({ shownBy }) => {
    expect(shownBy.length).toBeGreaterThan(0);
    for (const { kind, reference } of shownBy) {
      expect([kind, reference, problemOf(kind, reference)]).toEqual([kind, reference, null]);
    }
  });

  it("accounts for every refusal of the matrix, the whole attack catalogue among them", () => {
    const patterns = threats.flatMap(({ shownBy }) => shownBy.filter(({ kind }) => kind === "cell"));
    const matchers = patterns.map(({ reference }) => matcherOf(reference));
    const refusals = cells.filter(({ expected }) => expected.refusedBy !== "nobody");
    expect(refusals.some(({ attack }) => attack !== null)).toBe(true);
    expect(refusals.filter(({ id }) => !matchers.some((matches) => matches(id))).map(({ id }) => id)).toEqual([]);
  });

  it("finds what is not there", () => {
    const missing: [string, string][] = [
      ["cell", "both/*/callerSubnet/nobody-at-all"],
      ["cell", "both/get-record/callerSubnet/caller-func"],
      ["test", "verify/test/threat-model.test.ts: a title that no test has"],
      ["test", "verify/test/threat-model.test.ts: model: finds what is not there"],
      ["test", "verify/test/no-such.test.ts: finds what is not there"],
      ["invariant", "nothing goes wrong"],
      ["check", "weather/callee-func"],
      ["check", "sites/no-such-service"],
      ["rumour", "it is safe"],
    ];
    for (const [kind, reference] of missing) expect(problemOf(kind, reference)).not.toBeNull();
    expect(problemOf("test", "verify/test/threat-model.test.ts: the threat model: finds what is not there")).toBeNull();
  });
});

describe("the page of controls", () => {
  const page = readFileSync(join(root, "docs", "controls.md"), "utf8");
  const controls = page
    .split(/^## /m)
    .slice(1)
    .map((section) => ({ section, title: section.split("\n")[0] ?? "" }))
    .filter(({ title }) => /^[A-Z]{2}-\d+ /.test(title));

  it("has each control that reviewers ask for", () => {
    const ids = controls.map(({ title }) => title.split(" ")[0]);
    expect(ids).toEqual(expect.arrayContaining(["AC-3", "AC-4", "AC-6", "SC-7", "IA-9", "AU-2"]));
  });

  it.each(controls)(
    "names existing evidence, controls of the benchmark, and what is not covered: $title",
    ({ section }) => {
      expect(section).toMatch(/^MCSB: (?:[A-Z]{2}-\d+(?:, |\. ))+/m);
      expect(section).toMatch(/^\*\*Not covered:\*\* /m);
      const evidence = [...section.matchAll(/^- `(\w+) (.+)`$/gm)];
      expect(evidence.length).toBeGreaterThan(2);
      for (const [, kind = "", reference = ""] of evidence) {
        expect([kind, reference, problemOf(kind, reference)]).toEqual([kind, reference, null]);
      }
    },
  );
});

/** What is wrong with a line of "shown by"; null for nothing. */
function problemOf(kind: string, reference: string): string | null {
  switch (kind) {
    case "cell": {
      const matched = cells.filter(({ id }) => matcherOf(reference)(id));
      return matched.some(({ expected }) => expected.refusedBy !== "nobody") ? null : "no refusal of the matrix";
    }
    case "test": {
      const [file, title] = splitAt(reference, ": ");
      if (isOtherBusiness && ofBusiness.test(file)) return null;
      return titlesOf(file).some((one) => one === title || one.endsWith(`: ${title}`)) ? null : "no such test";
    }
    case "invariant":
      return invariants.some(({ name }) => name === reference) ? null : "no such invariant";
    case "check": {
      const [area = "", service = "*"] = reference.split("/");
      const services = ["*", ...Object.keys(accessPolicy.services)];
      return CHECK_AREAS.includes(area) && services.includes(service) ? null : "no such check";
    }
    default:
      return "neither a cell, a test, an invariant nor a check";
  }
}

/** The titles of a test file's tests and groups, each after those that it stands in: "group: test". */
function titlesOf(file: string): string[] {
  const path = join(root, file);
  const content = ts.sys.readFile(path);
  if (content === undefined) return [];
  const titles: string[] = [];
  const visit = (node: ts.Node, group: readonly string[]): void => {
    const title = ts.isCallExpression(node) && isTest(node.expression) ? node.arguments[0] : undefined;
    const within = title !== undefined && ts.isStringLiteralLike(title) ? [...group, title.text] : group;
    if (within !== group) titles.push(within.join(": "));
    ts.forEachChild(node, (child) => {
      visit(child, within);
    });
  };
  visit(ts.createSourceFile(path, content, ts.ScriptTarget.Latest), []);
  return titles;
}

/** `it`, `describe.skipIf(...)`, `it.each(...)` and their like. */
function isTest(callee: ts.Expression): boolean {
  if (ts.isIdentifier(callee)) return ["describe", "it", "test"].includes(callee.text);
  return (ts.isPropertyAccessExpression(callee) || ts.isCallExpression(callee)) && isTest(callee.expression);
}

interface Threat {
  readonly number: string;
  readonly letters: readonly string[];
  readonly title: string;
  readonly shownBy: readonly { readonly kind: string; readonly reference: string }[];
}

interface Boundary {
  readonly title: string;
  readonly threats: readonly Threat[];
  readonly notApplicable: readonly string[];
}

/** Boundaries are headed `### 1. ...`; threats are `- **1.1 (S, E) Title.** ...`, with a list of what shows them. */
function boundariesOf(markdown: string): Boundary[] {
  const sections = markdown.split(/^#+ /m).filter((section) => /^\d+\. /.test(section));
  return sections.map((section) => ({
    title: section.slice(0, section.indexOf("\n")),
    threats: section
      .split(/^- \*\*/m)
      .slice(1)
      .map((threat) => {
        const [, number = "", letters = "", title = ""] = /^([\d.]+) \(([^)]*)\) ([^*]*)\*\*/.exec(threat) ?? [];
        const lines = [...threat.matchAll(/^ {2}- `(\w+) ([^`]+)`$/gm)];
        return {
          number,
          letters: letters.split(", "),
          title,
          shownBy: lines.map(([, kind = "", reference = ""]) => ({ kind, reference })),
        };
      }),
    notApplicable: [...section.matchAll(/^- \(([^)]*)\) Does not apply: /gm)].flatMap(([, letters]) =>
      (letters ?? "").split(", "),
    ),
  }));
}

function splitAt(whole: string, separator: string): [string, string] {
  const at = whole.indexOf(separator);
  return [whole.slice(0, at), whole.slice(at + separator.length)];
}
