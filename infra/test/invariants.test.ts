import { describe, expect, it } from "vitest";
import { invariants } from "../invariants/index.ts";
import { caseNames, caseOf } from "./expected.ts";

describe.each(caseNames)("the evaluated template, %s", (name) => {
  const [snapshot, expected] = caseOf(name);

  it.each(invariants)("keeps: $name", ({ check }) => {
    expect(check(snapshot, expected)).toEqual([]);
  });
});
