import { describe, expect, it } from "vitest";
import { promises } from "../promises/index.ts";
import { readSnapshot, snapshotNames } from "../snapshot.ts";
import { expectedOf } from "./expected.ts";

describe.each(snapshotNames)("the evaluated template, %s", (name) => {
  const snapshot = readSnapshot(name);

  it.each(promises)("keeps: $name", ({ check }) => {
    expect(check(snapshot, expectedOf(name))).toEqual([]);
  });
});
