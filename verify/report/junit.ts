/** The report as JUnit XML, which CI systems show as tests. */
import type { Cell, Check, Report } from "../model/report.ts";
import { outcomeInWords } from "./words.ts";

interface TestCase {
  /** The first part of the id: the layers of a call, the area of a check. */
  readonly suite: string;
  /** The rest of the id up to its last part, and that part. */
  readonly className: string;
  readonly name: string;
  readonly failure: string | null;
  readonly skipped: string | null;
}

/**
 * One test case for each call and check: failed if it differs, skipped if it was not checked.
 *
 * @see https://github.com/testmoapp/junitxml the elements and attributes that CI systems read
 */
export function junitOf(report: Report): string {
  const cases = [...report.cells.map(caseOfCell), ...report.checks.map(caseOfCheck)];
  const suites = [...Map.groupBy(cases, ({ suite }) => suite)].map(([name, own]) =>
    element("testsuite", { name, ...countsOf(own), timestamp: report.startedAt }, own.map(elementOf)),
  );
  const all = { name: "verify", ...countsOf(cases), time: report.durationSeconds, timestamp: report.startedAt };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element("testsuites", all, suites)}\n`;
}

function caseOfCell({ id, result, expected, actual, note }: Cell): TestCase {
  const seen = actual === null ? "no response" : outcomeInWords(actual);
  const failure = result === "different" ? `expected: ${outcomeInWords(expected)}\nseen: ${seen}\n${note ?? ""}` : null;
  return { ...namesOf(id), failure, skipped: result === "not-checked" ? (note ?? "not checked") : null };
}

function caseOfCheck({ id, result, resource, expected, found, why, fix, note }: Check): TestCase {
  const failure =
    result === "finding"
      ? `expected: ${expected}\nfound: ${found ?? "nothing"}\nresource: ${resource}\nwhy: ${why}\nfix: ${fix ?? "see the report"}`
      : null;
  return { ...namesOf(id), failure, skipped: result === "not-checked" ? (note ?? "not checked") : null };
}

function namesOf(id: string): Pick<TestCase, "suite" | "className" | "name"> {
  const parts = id.split("/");
  return { suite: parts[0] ?? id, className: parts.slice(0, -1).join("."), name: parts.at(-1) ?? id };
}

function countsOf(cases: readonly TestCase[]) {
  return {
    tests: cases.length,
    failures: cases.filter(({ failure }) => failure !== null).length,
    errors: 0,
    skipped: cases.filter(({ skipped }) => skipped !== null).length,
  };
}

function elementOf({ className, name, failure, skipped }: TestCase): string {
  return element("testcase", { name, classname: className }, [
    ...(failure === null ? [] : [element("failure", { message: failure.split("\n")[0] ?? "" }, [escaped(failure)])]),
    ...(skipped === null ? [] : [element("skipped", { message: skipped }, [])]),
  ]);
}

/** @param content is XML already */
function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  content: readonly string[],
): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(String(value))}"`);
  return `<${name}${written.join("")}>${content.join("\n")}</${name}>`;
}

/** XML 1.0 has no form for other control characters, so they are left out: https://www.w3.org/TR/xml/#charsets */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/gu, "")
    .replace(/[&<>"\t\n\r]/g, (character) => `&#${character.charCodeAt(0)};`);
}
