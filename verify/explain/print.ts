/** Explanations as text for a terminal. */
import { styleText } from "node:util";
import type { Check } from "../model/report.ts";
import type { ExplainedStep, Explanation } from "./explanation.ts";

const STATES: Readonly<Record<ExplainedStep["state"], { readonly word: string; readonly style: Style }>> = {
  ok: { word: "ok", style: "green" },
  refused: { word: "REFUSED", style: "red" },
  "not-reached": { word: "not reached", style: "dim" },
  "not-asked": { word: "not asked", style: "dim" },
};
/** By the policy and the template, the call goes on. The deployment differs, so it may not. */
const DIFFERS = { word: "DIFFERS", style: "red" } as const;

type Style = Parameters<typeof styleText>[0];

const WIDTH = Math.max(...Object.values(STATES).map(({ word }) => word.length));
const INDENT = " ".repeat(WIDTH + 4);

export function printed({ call, outcome, summary, steps }: Explanation): string {
  const isCertain = steps.every(({ checks = [] }) => checks.every(({ result }) => result === "as-expected"));
  const style = outcome.refusedBy === "nobody" && isCertain ? "green" : "red";
  return [call, "", ...steps.flatMap(stepLines), "", styleText(style, summary)].join("\n");
}

function stepLines({ state, title, fact, sources, fix, checks }: ExplainedStep): string[] {
  const differs = checks?.some(({ result }) => result === "finding") === true;
  const { word, style } = differs && state !== "refused" ? DIFFERS : STATES[state];
  return [
    `  ${styleText(style, word.padEnd(WIDTH))}  ${title}${fact === "" ? "" : `: ${fact}`}`,
    ...(sources.length === 0 ? [] : [`${INDENT}rule: ${sources.join(", ")}`]),
    ...(state === "refused" && fix !== null ? [`${INDENT}fix:  ${fix}`] : []),
    ...(checks === undefined ? [] : checkLines(checks)),
  ];
}

/** Only what differs or could not be read is shown one by one. */
function checkLines(checks: readonly Check[]): string[] {
  const others = checks.filter(({ result }) => result !== "as-expected");
  const same = checks.length - others.length;
  return [
    ...(same === 0 ? [] : [`${INDENT}deployment: ${same} ${same === 1 ? "value" : "values"} as the template says`]),
    ...others.flatMap(({ id, result, expected, found, note, fix }) =>
      result === "finding"
        ? [
            `${INDENT}${styleText("red", "deployment differs")}: ${id}`,
            `${INDENT}  expected: ${expected}`,
            `${INDENT}  found:    ${found ?? "nothing"}`,
            ...(fix ?? "see docs/verify-deployment.md").split("\n").map((line) => `${INDENT}  fix:      ${line}`),
          ]
        : [`${INDENT}${styleText("yellow", "deployment not read")}: ${id}: ${note ?? "no reason"}`],
    ),
  ];
}
