/** The report as SARIF 2.1.0, which code scanning shows at the lines of a change. */
import { createHash } from "node:crypto";
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
        invocations: [{ executionSuccessful: isComplete(report), startTimeUtc: report.startedAt }],
        results,
      },
    ],
  };
}

/** An alert closes when its result is gone, so a run that left out something must not look like a whole one. */
function isComplete({ only, cells, checks }: Report): boolean {
  return only === null && [...cells, ...checks].every(({ result }) => result !== "not-checked");
}

function resultOf(ruleId: string, id: string, text: string, { file, line }: SourceLine): Result {
  return {
    ruleId,
    level: "error",
    message: { text },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: file },
          region: { startLine: line, startColumn: 1, endLine: line, endColumn: 1 },
        },
      },
    ],
    // The only fingerprint that code scanning uses: without it, results at one line would be one alert.
    partialFingerprints: { primaryLocationLineHash: createHash("sha256").update(id).digest("hex") },
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
  const text = RULES[id] ?? id;
  return {
    id,
    shortDescription: { text },
    fullDescription: { text: `${text}.` },
    help: {
      text: `${text}. The message of each result has the reason and the fix; docs/verify.md explains the report.`,
    },
    properties: { tags: ["security"] },
  };
}
