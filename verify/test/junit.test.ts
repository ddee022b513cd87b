/** The report as JUnit XML. */
import "../../tools/testing/example-system.ts";
import { XMLParser } from "fast-xml-parser";
import { describe, expect, it } from "vitest";
import { junitOf } from "../report/junit.ts";
import type { Report } from "../model/report.ts";
import { deploymentReport, failedReport, filteredReport, passedReport } from "./report/fixtures.ts";

interface Case {
  readonly name: string;
  readonly classname: string;
  readonly failure?: { readonly message: string; readonly "#text": string };
  readonly skipped?: { readonly message: string } | string;
}

interface Suites extends Record<"tests" | "failures" | "skipped", string> {
  readonly testsuite: readonly (Record<"name" | "tests" | "failures" | "skipped", string> & {
    readonly testcase: readonly Case[];
  })[];
}

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: "",
  isArray: (name) => ["testsuite", "testcase"].includes(name),
  htmlEntities: true,
});

function parsed(report: Report): Suites {
  const text = junitOf(report);
  return (parser.parse(text) as { testsuites: Suites }).testsuites;
}

const casesOf = (report: Report): readonly Case[] => parsed(report).testsuite.flatMap(({ testcase }) => testcase);

describe.each([
  ["passed", passedReport],
  ["failed", failedReport],
  ["filtered", filteredReport],
  ["a deployment", deploymentReport],
])("the JUnit file of a report: %s", (_, make) => {
  const report = make();
  const differs = [...report.cells, ...report.checks].filter(({ result }) => ["different", "finding"].includes(result));
  const left = [...report.cells, ...report.checks].filter(({ result }) => result === "not-checked");

  it("has each call and check once, and fails and skips the same as the report", () => {
    const cases = casesOf(report);
    expect(cases).toHaveLength(report.cells.length + report.checks.length);
    expect(cases.filter(({ failure }) => failure !== undefined)).toHaveLength(differs.length);
    expect(cases.filter(({ skipped }) => skipped !== undefined)).toHaveLength(left.length);
  });

  it("counts them, in all and in each suite", () => {
    const { tests, failures, skipped, testsuite } = parsed(report);
    expect([tests, failures, skipped].map(Number)).toEqual([
      report.cells.length + report.checks.length,
      differs.length,
      left.length,
    ]);
    for (const name of ["tests", "failures", "skipped"] as const) {
      expect(testsuite.reduce((sum, suite) => sum + Number(suite[name]), 0)).toBe(
        Number({ tests, failures, skipped }[name]),
      );
    }
  });
});

describe("a failure", () => {
  const [failed] = casesOf(failedReport()).filter(({ failure }) => failure !== undefined);

  it("is named by the id, and says what was expected and seen", () => {
    const cell = failedReport().cells.find(({ result }) => result === "different");
    expect(`${failed?.classname.replaceAll(".", "/") ?? ""}/${failed?.name ?? ""}`).toBe(cell?.id);
    expect(failed?.failure?.["#text"]).toMatch(/^expected: .*\nseen: .*/);
  });

  it("of a check has the reason and the fix", () => {
    const report = deploymentReport();
    const check = report.checks.find(({ result }) => result === "finding");
    const text = junitOf({ ...report, cells: [], checks: check === undefined ? [] : [check] });
    for (const part of ["expected: ", "found: ", "why: ", "fix: "]) expect(text).toContain(part);
  });

  it("says the same after it was read, whatever was read from Azure, without characters that XML does not have", () => {
    const report = deploymentReport();
    const visible = `<failure>&amp;&#60;]]>"' [31m ü 🙂`;
    const found = `\u0000${visible}\u001b\uFFFF\uD800`;
    const checks = report.checks.slice(0, 1).map((check) => ({ ...check, result: "finding" as const, found }));
    const [read] = casesOf({ ...report, cells: [], checks });
    expect(read?.failure?.["#text"]).toContain(`found: ${visible}\n`);
  });
});
