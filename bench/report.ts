import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { cpus } from "node:os";
import { writeFile } from "../tools/write-file.ts";

/** A comparison within one run: the only kind of figure that means the same on another machine. */
export interface Ratio {
  readonly name: string;
  readonly value: number;
  /** What it must reach; without either it is reported only. */
  readonly atMost?: number;
  readonly atLeast?: number;
}

export interface BenchReport {
  readonly title: string;
  /** Which of the values measured is shown. */
  readonly statistic?: string;
  /** What was measured, by name, in words: "1.2 us". */
  readonly figures: Readonly<Record<string, string>>;
  readonly ratios: readonly Ratio[];
  /** Versions of what was compared, and whatever else a reader needs. */
  readonly notes: readonly string[];
}

/** A benchmark: tells of its progress, and returns what it found. */
export type Bench = (progress: (line: string) => void) => Promise<BenchReport>;

/** The ratios that fall short of what they must reach, each in a line; a ratio that is no number falls short. */
export function shortfalls({ ratios }: BenchReport): string[] {
  return ratios.flatMap((ratio) =>
    reached(ratio) ? [] : [`${ratio.name}: ${format(ratio.value)}, must be ${bar(ratio)}`],
  );
}

/** The report as Markdown, for the terminal and for the docs. */
export function toMarkdown({ title, statistic = "median", figures, ratios, notes }: BenchReport): string {
  const machine = `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${cpus().length} cores, Node ${process.versions.node}`;
  return [
    `### ${title}`,
    "",
    `| measured | ${statistic} |`,
    "| --- | ---: |",
    ...Object.entries(figures).map(([name, figure]) => `| ${name} | ${figure} |`),
    "",
    "| compared | ratio | must be | |",
    "| --- | ---: | ---: | --- |",
    ...ratios.map((ratio) => `| ${ratio.name} | ${format(ratio.value)} | ${bar(ratio)} | ${verdict(ratio)} |`),
    "",
    ...[`${machine}; ${new Date().toISOString().slice(0, 10)}.`, ...notes].map((note) => `- ${note}`),
  ].join("\n");
}

/** Nanoseconds in the unit that reads best. */
export function duration(nanoseconds: number): string {
  if (nanoseconds < 1_000) return `${nanoseconds.toPrecision(3)} ns`;
  if (nanoseconds < 1_000_000) return `${(nanoseconds / 1_000).toPrecision(3)} µs`;
  return `${(nanoseconds / 1_000_000).toPrecision(3)} ms`;
}

/** The version of a package that is compared. */
export function versionOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url) ?? "";
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/** Replaces a benchmark's part of the docs, between its two markers. */
export async function writeIntoDocs(file: string, name: string, markdown: string): Promise<void> {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const text = await readFile(file, "utf8");
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${file} has no lines "${begin}" and "${end}".`);
  await writeFile(file, `${before}${begin}\n\n${markdown}\n\n${end}${after}`);
}

function reached({ value, atMost = Infinity, atLeast = -Infinity }: Ratio): boolean {
  return value <= atMost && value >= atLeast;
}

function verdict(ratio: Ratio): string {
  if (ratio.atMost === undefined && ratio.atLeast === undefined) return "";
  return reached(ratio) ? "ok" : "**short**";
}

function bar({ atMost, atLeast }: Ratio): string {
  if (atMost !== undefined) return `≤ ${atMost}`;
  return atLeast === undefined ? "" : `≥ ${atLeast}`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
