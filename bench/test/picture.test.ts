import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { comparisonsIn, draw, keptInPage } from "../picture.ts";

const docs = join(import.meta.dirname, "..", "..", "docs");
const page = readFileSync(join(docs, "benchmarks.md"), "utf8");
const sections = [...page.matchAll(/<!-- begin (\S+) -->(.*?)<!-- end \1 -->/gs)].map(([, name = "", text = ""]) => ({
  ...{ name, text, comparisons: comparisonsIn(text) },
}));

describe("the picture of the benchmark page", () => {
  test("is drawn from the page, and opens it", () => {
    expect(readFileSync(join(docs, "benchmarks.svg"), "utf8")).toBe(draw(comparisonsIn(page)));
    expect(page.split("\n## ")[0]).toMatch(/!\[[^\]]{50,}\]\(benchmarks\.svg\)/);
  });

  test("shows tokens seen, new and forged, and the start of each app, each beside another", () => {
    const shown = Object.fromEntries(sections.map(({ name, comparisons }) => [name, comparisons]));
    expect(shown["authorization"]).toHaveLength(3);
    expect(shown["cold-start"]?.length).toBeGreaterThan(0);
    for (const { ours, others } of Object.values(shown).flat()) {
      expect(ours.name).toMatch(/^ours/);
      expect(others.length).toBeGreaterThan(0);
    }
  });

  test.each(sections)("says of $name what the tables say", ({ text, comparisons }) => {
    const cells = [...text.matchAll(/^\| .+ \| (.+) \|$/gm)].flatMap(([, cell = ""]) => cell.split(/ \(|[,;] /));
    const figures = comparisons.flatMap(({ ours, others }) => [ours, ...others].map(({ figure }) => figure));
    expect(cells).toEqual(expect.arrayContaining(figures));
  });
});

const ours = { name: "ours", figure: "2 ms", nanoseconds: 2e6 };
const times = (multiple: number) => ({ name: `${multiple} times`, figure: "a figure", nanoseconds: multiple * 2e6 });

test("a bar is as long as the logarithm of the multiple, to the left if less than ours", () => {
  const svg = draw([{ title: "A thing", ours, others: [times(0.1), times(10), times(100)] }]);
  const bars = [...svg.matchAll(/<rect class="(less|more)" x="(\d+)" y="\d+" width="(\d+)"/g)];
  const [less, ten, hundred] = bars.map(([, kind, x, width]) => ({ kind, x: Number(x), width: Number(width) }));
  expect([less?.kind, ten?.kind, hundred?.kind]).toEqual(["less", "more", "more"]);
  expect((less?.x ?? 0) + (less?.width ?? 0)).toBe(ten?.x);
  expect(hundred?.x).toBe(ten?.x);
  expect(Math.abs((hundred?.width ?? 0) - 2 * (ten?.width ?? 0))).toBeLessThanOrEqual(2);
  expect(Math.abs((less?.width ?? 0) - (ten?.width ?? 0))).toBeLessThanOrEqual(2);
});

test("comparisons of different sizes have one scale", () => {
  const alone = [{ title: "Small", ours, others: [times(2)] }];
  const widths = (svg: string): string[] =>
    [...svg.matchAll(/class="more".* width="(\d+)"/g)].map(([, one = ""]) => one);
  const large = { title: "Large", ours: times(1000), others: [times(2000), times(100_000)] };
  const [small, ...others] = widths(draw([...alone, large]));
  expect(others[0]).toBe(small);
});

test("shows the figures as text, in the order of their durations, also to who cannot see the bars", () => {
  const svg = draw([{ title: "A < B & C", ours, others: [times(12.34), times(3)] }]);
  expect(svg).toContain("A &lt; B &amp; C: ours 2 ms; 12.34 times a figure; 3 times a figure.</desc>");
  expect(svg).toMatch(/>3 times<[^]*>3\.0 ×<[^]*>12\.34 times<[^]*>12 ×</);
  expect(svg).toContain("(prefers-color-scheme: dark)");
});

test.each([0, -1, NaN, Infinity])("refuses a duration of %d: what was not measured is no short bar", (nanoseconds) => {
  const missing = { ...ours, nanoseconds };
  const page = keptInPage([{ title: "A thing", ours, others: [times(2), missing] }]);
  expect(() => draw(comparisonsIn(page))).toThrow("positive durations");
  expect(() => draw([{ title: "A thing", ours: missing, others: [times(2)] }])).toThrow("positive durations");
  expect(() => draw([])).toThrow("positive durations");
});
