import type { ChaosMessage, ChaosOutcome } from "@restricted-calls/shared/contract-chaos";
import { expect, it } from "vitest";
import { outcomeFailures } from "../assessment.ts";

function message(id: string, ends?: "done" | "refused"): ChaosMessage {
  return {
    ...{ id, method: "POST", path: "/api/messages", body: { id }, content: { of: id } },
    promises: { 201: "done", 202: "pending", 409: "refused" },
    ...(ends !== undefined && { ends }),
  };
}

function outcome(id: string, state: ChaosOutcome["state"], content: unknown = { of: id }): ChaosOutcome {
  return { id, state, content, attempts: 1 };
}

const messages = [message("a"), message("b", "refused"), message("c")];
const accepted = new Map([
  ["a", 201],
  ["b", 409],
  ["c", 202],
]);
const [a, b, c] = [outcome("a", "done"), outcome("b", "refused"), outcome("c", "done")];

it("passes a run in which every message ended as promised", () => {
  expect(outcomeFailures(messages, accepted, [a, b, c])).toEqual([]);
});

it("passes a message that nobody accepted: it may be there or not", () => {
  const others = new Map([...accepted].filter(([id]) => id !== "c"));
  expect(outcomeFailures(messages, others, [a, b])).toEqual([]);
  expect(outcomeFailures(messages, others, [a, b, outcome("c", "refused")])).toEqual([]);
});

it.each<[string, ChaosOutcome[], string]>([
  ["is lost", [a, b], "c was accepted and is lost"],
  ["is listed twice", [a, b, c, c], "a message is listed twice"],
  ["was never submitted", [a, b, c, outcome("d", "done")], "d was never submitted"],
  ["has another content", [a, b, outcome("c", "done", { of: "x" })], "c differs from what was submitted"],
  ["is stuck", [a, b, outcome("c", "stuck")], "c is stuck"],
  ["is still pending", [a, b, outcome("c", "pending")], "c is pending"],
  ["breaks a promise", [outcome("a", "refused"), b, c], "a: the response said done, but it is refused"],
])("fails a message that %s", (_, outcomes, failure) => {
  expect(outcomeFailures(messages, accepted, outcomes)).toEqual([failure]);
});

it("fails a message that ends in a way in which it cannot", () => {
  const others = new Map([...accepted, ["b", 202] as const]);
  expect(outcomeFailures(messages, others, [a, outcome("b", "done"), c])).toEqual(["b is done, but must be refused"]);
});
