import { describe, expect, it } from "vitest";
import { broken, invariants } from "../invariants/index.ts";
import { caseOf } from "./expected.ts";
import { mutations } from "./mutations/index.ts";

describe("a snapshot with one invariant broken", () => {
  it.each(mutations)("by $by: red is only '$breaks'", ({ breaks, in: name = "default", change }) => {
    const [committed, expected] = caseOf(name);
    const snapshot = structuredClone(committed);
    change(snapshot);
    expect(Object.keys(broken(snapshot, expected))).toEqual([breaks]);
  });

  it("exists for every invariant", () => {
    expect([...new Set(mutations.map(({ breaks }) => breaks))].sort()).toEqual(
      invariants.map(({ name }) => name).sort(),
    );
  });
});
