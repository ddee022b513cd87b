import { describe, expect, it } from "vitest";
import { invariants } from "../invariants/index.ts";
import { readSnapshot, snapshotNames } from "../snapshot.ts";
import { expectedOf } from "./expected.ts";

describe.each(snapshotNames)("the evaluated template, %s", (name) => {
  const snapshot = readSnapshot(name);

  it.each(invariants)("keeps: $name", ({ check }) => {
    expect(check(snapshot, expectedOf(name))).toEqual([]);
  });
});
