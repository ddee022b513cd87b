/** The report as SARIF 2.1.0, which code scanning shows at the lines of a change. */
import type { Log, ReportingDescriptor, Result } from "sarif";
import type { SourceLine } from "../../tools/source-lines.ts";
import type { Cell, Check, Report } from "../model/report.ts";
import { sourceOfCell, sourceOfCheck } from "./rule-sources.ts";
import { outcomeInWords } from "./words.ts";

/** By the rule's id: `call` for calls, the first part of the id for checks. */
const RULES: Readonly<Record<string, string>> = {
  call: "A call ends as the access policy says",
  restrictions: "The access restrictions are those of the template",
  sites: "A site is configured as in the template",
  code: "The deployed code is that of the commit",
  network: "A service has its own subnet, and its calls go through it",
  storage: "Storage admits the service's own identity and subnet only",
  directory: "The app registrations and identities are those of the template",
  assignments: "The roles of callers are those of the access policy",
  external: "An external caller is the one of the access policy",
  grants: "A grant has not ended",
  probe: "No probe of a verification is left",
  template: "A resource has the properties of the template",
};

/**
 * One result for each difference, at the line of the policy or template that states the rule. What was not checked is no
 * result, because code scanning has no word for it: a run with such calls or checks is marked as not successful.
 *
 * @see https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 * @see https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
 */
export function sarifOf(report: Report): Log {
  const operations = new Map(report.operations.map((operation) => [operation.id, operation]));
  const results = [
    ...report.cells
      .filter(({ result }) => result === "different")
      .map((cell) => resultOf("call", cell.id, textOfCell(cell), sourceOfCell(cell, operations.get(cell.operation)))),
    ...report.checks
      .filter(({ result }) => result === "finding")
      .map((check) => resultOf(areaOf(check), check.id, textOfCheck(check), sourceOfCheck(check, report.policy))),
  ];
  const rules = [...new Set([...Object.keys(RULES), ...report.checks.map(areaOf)])];
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "verify", rules: rules.map(ruleOf) } },
        automationDetails: { id: `verify/${report.target.kind}/` },
        invocations: [{ executionSuccessful: report.status !== "incomplete", startTimeUtc: report.startedAt }],
        results,
      },
    ],
  };
}

function resultOf(ruleId: string, id: string, text: string, { file, line }: SourceLine): Result {
  return {
    ruleId,
    level: "error",
    message: { text },
    locations: [{ physicalLocation: { artifactLocation: { uri: file }, region: { startLine: line } } }],
    // Code scanning knows a result again by it, although the lines move.
    partialFingerprints: { "verify/id": id },
  };
}

function textOfCell({ id, expected, actual, note }: Cell): string {
  const seen = actual === null ? (note ?? "no response") : outcomeInWords(actual);
  return `${id}: expected ${outcomeInWords(expected)}, seen ${seen}.`;
}

function textOfCheck({ id, title, expected, found, why, fix }: Check): string {
  return `${id} (${title}): expected ${expected}, found ${found ?? "nothing"}. ${why} Fix: ${fix ?? "see the report"}`;
}

function areaOf({ id }: Check): string {
  return id.split("/")[0] ?? id;
}

function ruleOf(id: string): ReportingDescriptor {
  return { id, shortDescription: { text: RULES[id] ?? id }, properties: { tags: ["security"] } };
}
