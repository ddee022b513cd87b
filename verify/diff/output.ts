/** A comparison as text, Markdown or JSON. */
import type { Comparison } from "./compare.ts";
import { isOpening, lineOf } from "./finding.ts";

/** For a terminal. */
export function asText(comparison: Comparison, acknowledged: boolean): string {
  return [...linesOf(comparison), "", conclusionOf(comparison, acknowledged)].join("\n").trimStart();
}

/** For the summary of a job. The findings are in a code block, because they contain texts of the commit. */
export function asMarkdown(comparison: Comparison, acknowledged: boolean): string {
  const lines = linesOf(comparison).join("\n");
  const fence = "`".repeat(Math.max(3, ...[...lines.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return [
    "## Who gains access",
    "",
    `${comparison.before} → ${comparison.after}`,
    "",
    ...(lines === "" ? [] : [`${fence}text`, lines, fence, ""]),
    conclusionOf(comparison, acknowledged),
    "",
  ].join("\n");
}

export function asJson({ findings, label, ...names }: Comparison, acknowledged: boolean): string {
  return JSON.stringify(
    {
      ...names,
      unchanged: findings.length === 0,
      opens: label !== undefined,
      label: label ?? null,
      acknowledged,
      findings: findings.map((finding) => ({ ...finding, opens: isOpening(finding), line: lineOf(finding) })),
    },
    null,
    2,
  );
}

function linesOf({ findings }: Comparison): string[] {
  return findings.map(lineOf);
}

function conclusionOf({ findings, label }: Comparison, acknowledged: boolean): string {
  if (findings.length === 0) return "unchanged";
  if (label === undefined) return "Nobody gains access, and nothing opens.";
  const count = findings.filter(isOpening).length;
  const what =
    count === 1
      ? "1 change gives access, opens something, or is not understood"
      : `${count} changes give access, open something, or are not understood`;
  if (acknowledged) return `${what}. Acknowledged by the label ${label}.`;
  return `${what}. Whoever accepts this sets the label ${label} on the pull request.`;
}
