/** Compares two commits by meaning. */
import { compareAccess } from "./access.ts";
import { digestOf, type Finding, hashOf, isOpening } from "./finding.ts";
import { NOT_UNDERSTOOD } from "./rules.ts";
import { PARAMETERS, type State } from "./state.ts";
import { compareTemplates } from "./templates.ts";

export interface Comparison {
  readonly before: string;
  readonly after: string;
  /** Openings first. */
  readonly findings: readonly Finding[];
  /** The label that acknowledges the openings; undefined if there is none. */
  readonly label: string | undefined;
}

export function compareStates(before: State, after: State): Comparison {
  const found = [
    ...compareAccess(before, after),
    ...compareTemplates(before, after),
    ...compareParameters(before.parameters, after.parameters),
  ];
  const findings = [...found.filter(isOpening), ...found.filter((finding) => !isOpening(finding))];
  const digest = digestOf(findings);
  return {
    before: before.name,
    after: after.name,
    findings,
    label: digest && `access-change-${digest}`,
  };
}

/** No snapshot is evaluated with the parameters of a deployment, so that no rule says what a change means. */
function compareParameters(before: string, after: string): Finding[] {
  if (before === after) return [];
  const text = `${PARAMETERS}: SHA-256 ${hashOf(before)} → ${hashOf(after)}`;
  return [{ word: "changed, not understood", kind: NOT_UNDERSTOOD, text }];
}
