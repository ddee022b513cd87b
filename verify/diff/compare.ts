/** Compares two commits by meaning. */
import { compareAccess } from "./access.ts";
import { digestOf, type Finding, hashOf, isOpening } from "./finding.ts";
import { NOT_UNDERSTOOD, own } from "./rules.ts";
import type { State } from "./state.ts";
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

/**
 * No snapshot is evaluated with the parameters of a deployment, and those of a snapshot decide what it shows: no rule says what a
 * change means.
 */
function compareParameters(before: State["parameters"], after: State["parameters"]): Finding[] {
  const paths = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  return paths.flatMap((path) => {
    const [old, now] = [own(before, path), own(after, path)];
    if (old === now) return [];
    const [from, to] = [old, now].map((text) => (text === undefined ? "nothing" : `SHA-256 ${hashOf(text)}`));
    return [{ word: "changed, not understood", kind: NOT_UNDERSTOOD, text: `${path}: ${from ?? ""} → ${to ?? ""}` }];
  });
}
