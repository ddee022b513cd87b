/** Explains a call of the matrix: the points that it reaches, what each decides, by which rule, and the fix. */
import { textLine, placeOf } from "../../tools/source-lines.ts";
import { expectedOutcome, type Step, type StepId, stepsOf } from "../model/expectations.ts";
import type { Check, Operation, Outcome } from "../model/report.ts";
import { outcomeInWords } from "../report/words.ts";
import { type About, type Fact, factOf, TITLES } from "./facts.ts";
import type { Question } from "./question.ts";

export interface Explanation {
  /** Who calls what, from where: a sentence. */
  readonly call: string;
  readonly outcome: Outcome;
  /** The outcome in words. */
  readonly summary: string;
  readonly steps: readonly ExplainedStep[];
}

/** A point at which the call can end. Only a point that it reaches has sources, and only a refusal has a fix. */
export interface ExplainedStep extends Fact {
  readonly id: StepId;
  readonly title: string;
  /** `not-asked`: this point does not look at the call. */
  readonly state: "ok" | "refused" | "not-reached" | "not-asked";
  /** Checks of a deployment that bear on this point. */
  readonly checks?: readonly Check[];
}

export function explain(question: Question): Explanation {
  const { situation, origin, kind, call, caller, who } = question;
  const { service, id, method, route, role, by } = situation.operation;
  const { standing, token } = kind;
  const about: About = {
    ...{ policy: situation.policy, who, origin },
    operation: { service, role, call: `${method} ${route}`, place: placeInContract(service, id) },
    token: { sent: token.kind === "managed-identity" || token.kind === "minted", roles: standing.roles },
  };
  const outcome = expectedOutcome(situation);
  const as = kind.id === caller ? "" : ` As ${kind.id}: ${kind.title}. ${kind.description}`;
  return {
    call: `${caller} calls ${call} of ${service} (${id}), from ${origin.title}.${as}`,
    outcome,
    summary: summaryOf(outcome, by),
    steps: explainedSteps(stepsOf(situation), about),
  };
}

/** @param about what is known about the call; a point that it does not reach, or that does not look at it, needs nothing */
export function explainedSteps(steps: readonly Step[], about: About): ExplainedStep[] {
  const last = steps.findIndex(({ applies, ends }) => applies && ends !== null);
  return steps.map(({ id, applies, ends }, i) => {
    const common = { id, title: TITLES[id] };
    if (last !== -1 && i > last) return { ...common, ...NOTHING, state: "not-reached", fact: "" };
    if (!applies) return { ...common, ...NOTHING, state: "not-asked", fact: NOT_ASKED[id] };
    const isRefused = ends !== null && ends.refusedBy !== "nobody";
    return { ...common, ...factOf(id, about, ends), state: isRefused ? "refused" : "ok" };
  });
}

/** The line of an operation in its service's contract; without a line if it is written in another way. */
export function placeInContract(service: string, operation: string): string {
  const file = `${service}/contract.ts`;
  try {
    return placeOf(textLine(file, `id: "${operation}"`));
  } catch {
    return file;
  }
}

const NOTHING = { sources: [], fix: null } as const;

const NO_TOKEN = "The operation asks for no token.";

const NOT_ASKED: Readonly<Record<StepId, string>> = {
  token: "Not known: the front end looks at no token.",
  network: "This layer is off.",
  host: "A function responds to this path.",
  "token-check": NO_TOKEN,
  "allow-list": NO_TOKEN,
  role: NO_TOKEN,
};

function summaryOf(outcome: Outcome, by: Operation["by"]): string {
  if (outcome.refusedBy !== "nobody") return `${outcomeInWords(outcome)}.`;
  const status = outcome.status ?? "";
  return by === "host"
    ? `Allowed: the Functions host responds with ${status}.`
    : `Allowed: the operation responds, such as with ${status}.`;
}
