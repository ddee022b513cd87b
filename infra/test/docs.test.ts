import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const namesIn = (path: string, pattern: RegExp): string[] =>
  [...textOf(path).matchAll(pattern)].map(([, name = ""]) => name);
const pages = globSync(["*.md", "docs/*.md"], { cwd: root });

describe("the documentation", () => {
  const table = textOf("docs/deploy-parameters.md");

  it.each([
    ["value of azd's environment", namesIn("infra/main.bicepparam", /readEnvironmentVariable\('(\w+)'/g)],
    ["parameter", namesIn("infra/main.bicep", /^param (\w+) /gm)],
  ])("names every %s", (_what, names) => {
    expect(names.length).toBeGreaterThan(10);
    for (const name of names) expect(table).toMatch(new RegExp(`\`${name}[\`.]`));
  });

  it.each(pages)("%s points to files and headings that exist", (page) => {
    const links = namesIn(page, /\]\(([^)]+)\)/g).filter((link) => !link.startsWith("https:"));
    for (const link of links) {
      const [path = "", heading] = link.split("#");
      const target = path === "" ? page : join(dirname(page), path);
      expect(existsSync(join(root, target)), link).toBe(true);
      if (heading !== undefined) expect(headings(target), link).toContain(heading);
    }
  });
});

/** The anchors of a page's headings, as GitHub makes them. */
function headings(page: string): string[] {
  return namesIn(page, /^#+ (.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}
