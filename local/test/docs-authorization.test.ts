/** docs/authorization.md: its samples, settings and options, and the package's README. example-app.test.ts runs the first sample. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { guardSettings, protectedApp } from "@restricted-calls/shared/functions";
import { protectedService } from "@restricted-calls/shared/service-client";
import { typeErrors } from "../../tools/testing/type-check.ts";
import { blocksOf } from "./docs-pages.ts";

const root = join(import.meta.dirname, "..", "..");
const page = readFileSync(join(root, "docs", "authorization.md"), "utf8");
const samplesOf = (text: string): string[] =>
  blocksOf(text).flatMap((block) => (block.language === "ts" ? [block.text] : []));
const [sample = "", ...others] = samplesOf(page);
const ofReadme = samplesOf(readFileSync(join(root, "shared", "README.md"), "utf8"));

test("the first sample is the example, which is compiled and run as an app of its own", () => {
  const example = join(root, "examples", "protect-an-existing-app", "src", "functions", "get-invoice.ts");
  expect(`${sample}\n`).toBe(readFileSync(example, "utf8"));
});

test("the other samples compile as strictly as the rest", () => {
  expect([others.length, ofReadme.length]).toEqual([1, 1]);
  const texts = [...others, ...ofReadme].map((text, i): [string, string] => [
    join(root, "callee-func", "src", `sample-${i}.ts`),
    text.replaceAll("restricted-calls/", "@restricted-calls/shared/"),
  ]);
  expect(typeErrors(new Map(texts))).toEqual([]);
}, 60_000);

/** The first column of the table whose first heading this is. */
function rowsOf(heading: string): string[] {
  const [, table = ""] = page.split(`\n| ${heading} `);
  const rows = table.split("\n\n")[0]?.split("\n").slice(2) ?? [];
  return rows.map((row) => /^\| `(\w+)`/.exec(row)?.[1] ?? row);
}

/** The options that a function names when it gets one that it does not know. */
function optionsOf(start: (options: object) => unknown): string[] {
  try {
    start({ unknownOption: true });
    return [];
  } catch (error) {
    return /unknownOption is no option: expected (.*)/.exec(String(error))?.[1]?.split(", ") ?? [];
  }
}

describe("the page names every", () => {
  test("setting", () => {
    expect(rowsOf("setting").sort()).toEqual(Object.keys(guardSettings).sort());
  });

  test.each<[string, (options: object) => unknown]>([
    ["protectedApp", protectedApp],
    ["protectedService", (options) => protectedService("OTHER", options)],
  ])("option of %s", (name, start) => {
    const options = optionsOf(start);
    expect(options.length).toBeGreaterThan(3);
    expect(rowsOf(`option of \`${name}\``).sort()).toEqual(options.sort());
  });
});
