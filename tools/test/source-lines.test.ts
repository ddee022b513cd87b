import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { accessPolicy } from "../access-policy.ts";
import { lineOfPath } from "../json-text.ts";
import { placeOf, policyLine, textLine } from "../source-lines.ts";

const root = join(import.meta.dirname, "..", "..");

describe("the line of a value in JSON text", () => {
  const text = `{
  "a": 1,
  "b": {
    "c": [
      "one", "two",
      { "a": [], "d":
        5 }
    ]
  },
  "a\\u0062": {}, "": { "a": { "a": 1 } }
}`;

  test.each([
    [["a"], 2],
    [["b"], 3],
    [["b", "c"], 4],
    [["b", "c", 0], 5],
    [["b", "c", 1], 5],
    [["b", "c", 2], 6],
    [["b", "c", 2, "d"], 6],
    [["ab"], 10],
    [["", "a", "a"], 10],
  ])("of %j", (path, line) => {
    expect(lineOfPath(text, path)).toBe(line);
  });

  test.each([
    ["nothing", ["x"], 1],
    ["a member that is missing", ["b", "x"], 3],
    ["an item past the end", ["b", "c", 3], 4],
    ["a name where items are", ["b", "c", "0"], 4],
    ["an index where names are", ["b", 0], 3],
    ["what is inside a number", ["a", "x", "y"], 2],
    ["a path that begins elsewhere", ["c", 0], 1],
  ])("is that of the innermost value around %s", (_what, path, line) => {
    expect(lineOfPath(text, path)).toBe(line);
  });

  test("is refused for what is not JSON", () => {
    expect(() => lineOfPath('{ "a": 1, }', ["a"])).toThrow("expected a member's name");
  });
});

describe("of the access policy", () => {
  const lines = readFileSync(join(root, "shared/access-policy.json"), "utf8").split("\n");

  test.each(Object.keys(accessPolicy.services))("finds %s, its roles and its callers", (service) => {
    const { roles, callers } = (accessPolicy as { services: Record<string, { roles: object; callers: object }> })
      .services[service] ?? { roles: {}, callers: {} };
    const named = (path: readonly string[]): void => {
      const { file, line } = policyLine(path);
      expect(file).toBe("shared/access-policy.json");
      expect(lines[line - 1]).toContain(`"${path.at(-1) ?? ""}"`);
    };
    named(["services", service]);
    for (const role of Object.keys(roles)) named(["services", service, "roles", role]);
    for (const caller of Object.keys(callers)) named(["services", service, "callers", caller]);
  });

  test("a caller that is not there would be among the callers", () => {
    const [service = ""] = Object.keys(accessPolicy.services);
    const missing = policyLine(["services", service, "callers", "nobody"]);
    expect(missing).toEqual(policyLine(["services", service, "callers"]));
  });
});

describe("the line of a text", () => {
  const file = "tools/source-lines.ts";

  test("is the first one; after another text, the first one from there", () => {
    const first = textLine(file, "The line of");
    const second = textLine(file, "export function policyLine", "The line of");
    expect(second.line).toBeGreaterThan(first.line);
    expect(placeOf(first)).toBe(`${file}:${first.line}`);
  });

  test("must be there", () => {
    expect(() => textLine(file, "no such " + "words")).toThrow(`${file} has no line with "no such words".`);
    expect(() => textLine(file, "export function placeOf", "import {")).toThrow(/has no line with "import \{" after/);
    expect(() => textLine("tools/no-such-file.ts", "")).toThrow("no-such-file.ts");
  });
});
