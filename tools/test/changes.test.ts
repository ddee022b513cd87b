import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Changes } from "../new-service/changes.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "changes-"));
  writeFileSync(join(folder, "old.txt"), "old");
  mkdirSync(join(folder, "full"));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

const all = (): string[] => readdirSync(folder, { recursive: true }).map(String).sort();

function make(changes: Changes): void {
  changes.write(join(folder, "old.txt"), "new");
  changes.write(join(folder, "a", "b", "c.txt"), "c");
  changes.write(join(folder, "a", "b", "d.txt"), "d");
  changes.link("a", join(folder, "links", "a"));
  changes.write(join(folder, "old.txt"), "newer");
}

test("changes are made", () => {
  make(new Changes());
  expect(all()).toEqual(expect.arrayContaining(["a/b/c.txt", "a/b/d.txt", "links/a", "old.txt"]));
  expect(readFileSync(join(folder, "old.txt"), "utf8")).toBe("newer");
});

test.each([1, 2, 3, 4])("nothing is left of them if write %i fails, also if it had begun", (failing) => {
  let writes = 0;
  const changes = new Changes((file, text) => {
    writeFileSync(file, text);
    if (++writes === failing) throw new Error("the disk is full");
  });
  expect(() => {
    make(changes);
  }).toThrow("the disk is full");
  changes.undo();
  expect(all()).toEqual(["full", "old.txt"]);
  expect(readFileSync(join(folder, "old.txt"), "utf8")).toBe("old");
});

test("a link that cannot be made leaves nothing, either", () => {
  const changes = new Changes();
  changes.write(join(folder, "old.txt"), "new");
  expect(() => {
    changes.link("a", join(folder, "full"));
  }).toThrow("EEXIST");
  changes.undo();
  expect(all()).toEqual(["full", "old.txt"]);
});
