import { globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const files = globSync("*/**/*.{ts,mjs}", { cwd: root, exclude: ["**/node_modules/**", "dist/**"] }).sort();

/** What each file imports of the others by a relative path, types included. */
const imports = new Map(
  files.map((file) => {
    const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), "utf8"), true, true);
    const own = importedFiles.filter(({ fileName }) => fileName.startsWith("."));
    return [file, own.map(({ fileName }) => join(dirname(file), fileName))];
  }),
);

/** The files of each circle, sorted: a circle is found from its first file. */
function circles(): string[][] {
  return files.flatMap((first) => {
    const path = pathBack(first);
    return path?.toSorted()[0] === first ? [path.toSorted()] : [];
  });
}

/** The shortest way from a file through its imports back to it. */
function pathBack(first: string): string[] | undefined {
  const seen = new Set<string>();
  let paths = [[first]];
  while (paths.length > 0) {
    const next: string[][] = [];
    for (const path of paths) {
      for (const imported of imports.get(path.at(-1) ?? "") ?? []) {
        if (imported === first) return path;
        if (seen.has(imported)) continue;
        seen.add(imported);
        next.push([...path, imported]);
      }
    }
    paths = next;
  }
  return undefined;
}

test("no imports are circular", () => {
  expect(files.length).toBeGreaterThan(300);
  expect(circles()).toEqual([]);
});

test("every file opens with a line that says what it is for", () => {
  const sources = files.filter((file) => !/\/(test|fixtures)\//.test(file));
  const without = sources.filter((file) => !/^(\/\/ |\/\*\*)/.test(readFileSync(join(root, file), "utf8")));
  expect(without).toEqual([]);
});
