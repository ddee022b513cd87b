import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { refusals as entraRefusals } from "../entra/entra-error.ts";
import { refusalCodes } from "@restricted-calls/shared/authorization";

const root = join(import.meta.dirname, "..", "..");
const textOf = (path: string): Promise<string> => readFile(join(root, path), "utf8");
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = ""]) => name);

const page = await textOf("docs/troubleshooting.md");
const guide = await textOf("docs/authorization.md");

/** The first column of a section's tables, row by row. */
function firstColumn(text: string, heading: string): string[] {
  const [, section = ""] = text.split(`\n## ${heading}\n`);
  return matches(section.split(/\n## /)[0] ?? "", /^\| (.*?) +\|/gm);
}

describe("troubleshooting", () => {
  it("has, in docs/authorization.md, a row for every refusal code and for no other", () => {
    const codes = firstColumn(guide, "Refusal codes").flatMap((cell) => matches(cell, /^`([a-z-]+)`$/g));
    expect(codes.toSorted()).toEqual([...refusalCodes].sort());
  });

  const numbers = firstColumn(page, "Entra's numbers").flatMap((cell) => matches(cell, /\bAADSTS(\d+)\b/g));

  it("has a row for every number that the local Entra returns", () => {
    const known = Object.values(entraRefusals).map(([number]) => String(number));
    expect(known.length).toBeGreaterThan(4);
    expect(numbers).toEqual(expect.arrayContaining(known));
  });

  it.each([
    ["shared/settings.ts", "These app settings of "],
    ["tools/listen.ts", "In use by another program: port"],
    ["tools/listen.ts", "This user may not open port"],
    ["tools/policy-mistakes.ts", "shared/access-policy.json"],
    ["tools/policy-mistakes.ts", "infra/service-options.json"],
    ["tools/run.mjs", "The dependencies could not be installed"],
    ["local/system/core-tools.ts", "Azure Functions Core Tools are not installed here"],
    ["local/storage/azurite.ts", "Azurite did not start"],
    ["shared/service-client/explain.ts", "error occurr?ed while fetching the AAD Token"],
  ])("quotes %s as it says it", async (file, words) => {
    expect(await textOf(file)).toContain(words);
    expect(page).toContain(words.replace("r?", ""));
  });
});
