import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { refusalCodes } from "../../shared/authorization/refusals.ts";

const root = join(import.meta.dirname, "..", "..");
const textOf = (path: string): Promise<string> => readFile(join(root, path), "utf8");
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = ""]) => name);

const page = await textOf("docs/troubleshooting.md");

/** What the first column of a section's tables says, row by row. */
function symptoms(heading: string): string[] {
  const [, text = ""] = page.split(`\n## ${heading}\n`);
  return matches(text.split(/\n## /)[0] ?? "", /^\| (.*?) +\|/gm);
}

describe("troubleshooting", () => {
  it("has a row for every code of a refusal, and for no other", () => {
    const codes = symptoms("Refusals by the service").flatMap((symptom) => matches(symptom, /^`([a-z-]+)`$/g));
    expect(codes.toSorted()).toEqual([...refusalCodes].sort());
  });

  const numbers = symptoms("Entra's numbers").flatMap((symptom) => matches(symptom, /\bAADSTS(\d+)\b/g));

  it.each([
    ["that the local Entra answers with", "local/entra/entra-error.ts", /: \[(\d+), \d{3}, "/g],
    ["that the service client explains", "shared/service-client/explain.ts", /AADSTS(\d+)\\b/g],
  ])("has a row for every number %s", async (_which, file, pattern) => {
    const known = matches(await textOf(file), pattern);
    expect(known.length).toBeGreaterThan(4);
    expect(numbers).toEqual(expect.arrayContaining(known));
  });

  it.each([
    ["shared/settings.ts", "These app settings of "],
    ["tools/listen.ts", "In use by another program: port"],
    ["tools/listen.ts", "Not for this user to open: port"],
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
