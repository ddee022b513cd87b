/** Tests of `explain` for any access policy: its answers are those of the matrix. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { attacks } from "@restricted-calls/shared/testing/attacks";
import { describe, expect, it } from "vitest";
import { matrixOf } from "../../local/matrix.ts";
import { everyOperation, hostCallOf, sampleCallOf } from "../../model/operations.ts";
import type { Call } from "../../model/plan.ts";
import { policy } from "../../model/policy.ts";
import type { Operation, Outcome } from "../../model/report.ts";
import { type ExplainedStep, explain, type Explanation } from "../../explain/explanation.ts";
import { type Question, questionOf } from "../../explain/question.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const operations = Object.keys(policy.services).flatMap(everyOperation);

/** Which points can end a call with an outcome. */
const POINTS: Readonly<Record<Outcome["refusedBy"], readonly string[]>> = {
  "identity-provider": ["token"],
  network: ["network"],
  host: ["host"],
  application: ["token-check", "allow-list", "role"],
  nobody: [],
};

/** Registers the tests. The file that calls this replaces the policy and contracts first, if they are to be others. */
export function testAgreement(): void {
  const cells = matrixOf(policy);
  const isAskable = ({ layers, caller }: Call): boolean => layers === "both" && caller !== null;

  describe("every cell of the matrix", () => {
    it("of a caller, with both layers on, has the outcome that the command gives for it", () => {
      const asked = cells.filter(isAskable);
      expect(asked.length).toBeGreaterThan(100);
      for (const cell of asked) expectAgreement(cell, explain(questionOf(policy, argumentsOf(cell))));
    });

    it("of an attack, or with one layer off, has the outcome of the same points", () => {
      const others = cells.filter((cell) => !isAskable(cell));
      expect(others.length).toBeGreaterThan(100);
      for (const cell of others) expectAgreement(cell, explain(questionFor(cell)));
    });
  });
}

function expectAgreement({ id, expected }: Call, { outcome, steps }: Explanation): void {
  expect(outcome, id).toEqual(expected);
  const refused = steps.filter(({ state }) => state === "refused");
  expect(refused, id).toHaveLength(expected.refusedBy === "nobody" ? 0 : 1);
  for (const step of refused) {
    expect(POINTS[expected.refusedBy], id).toContain(step.id);
    expect({ id, fix: step.fix, sources: step.sources.length > 0 }).toEqual({
      ...{ id, sources: true },
      fix: expect.stringMatching(/./) as string,
    });
  }
  for (const step of steps) expectSources(id, step);
}

/** Each source that names a line of a file has that line. */
function expectSources(id: string, { sources, state, fact }: ExplainedStep): void {
  expect(fact === "", id).toBe(state === "not-reached");
  for (const source of sources) {
    const [, file = "", line = "0"] = /([\w./-]+\/[\w.-]+\.(?:json|bicep|md|ts))(?::(\d+))?/.exec(source) ?? [];
    const text = readFileSync(join(root, file), "utf8").split("\n")[Number(line) - 1];
    expect({ id, source, found: text?.trim() !== "" }).toEqual({ id, source, found: true });
  }
}

/** What one types for a cell. */
function argumentsOf(cell: Call) {
  const operation = operationOf(cell);
  const { service, method, by } = operation;
  const { path } = by === "host" ? hostCallOf(operation) : sampleCallOf(cell.operation, "1");
  const callers = [...Object.keys(policy.services), ...Object.keys(policy.externalCallers ?? {})];
  const caller = callers.find((name) => name !== service) ?? "";
  return { caller, call: `${method} ${path}`, from: cell.origin, as: cell.caller ?? "no-token", service };
}

/** No argument is for layers and attacks. */
function questionFor(cell: Call): Question {
  const question = questionOf(policy, argumentsOf(cell));
  const attack = attacks.find(({ name }) => name === cell.attack);
  const { standing } = question.kind;
  const caller = attack === undefined ? standing : { assigned: true, listed: true, roles: [], flaw: attack.code };
  return {
    ...question,
    kind: { ...question.kind, standing: caller },
    situation: { ...question.situation, layers: cell.layers, caller },
  };
}

function operationOf({ operation: id }: Call): Operation {
  const operation = operations.find((one) => one.id === id);
  if (operation === undefined) throw new Error(`There is no operation ${id}.`);
  return operation;
}
