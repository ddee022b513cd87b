/** The report of a benchmark: figures, ratios with limits, and its Markdown. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import { cpus } from "node:os";
import type { BenchReport, Ratio } from "@restricted-calls/shared/contract-bench";

/** The ratios that miss their limits, one per line. NaN misses every limit. */
export function shortfalls({ ratios }: BenchReport): string[] {
  return ratios.flatMap((ratio) =>
    reached(ratio) ? [] : [`${ratio.name}: ${format(ratio.value)}, must be ${limit(ratio)}`],
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
    ...ratios.map((ratio) => `| ${ratio.name} | ${format(ratio.value)} | ${limit(ratio)} | ${outcome(ratio)} |`),
    "",
    ...[`${machine}; ${new Date().toISOString().slice(0, 10)}.`, ...notes].map((note) => `- ${note}`),
  ].join("\n");
}

/** Nanoseconds, in the unit that is easiest to read. */
export function duration(nanoseconds: number): string {
  if (nanoseconds < 1_000) return `${nanoseconds.toPrecision(3)} ns`;
  if (nanoseconds < 1_000_000) return `${(nanoseconds / 1_000).toPrecision(3)} µs`;
  return `${(nanoseconds / 1_000_000).toPrecision(3)} ms`;
}

/** The version of an installed package. */
export function versionOf(name: string): string {
  const file = findPackageJSON(name, import.meta.url) ?? "";
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}

/**
 * The docs with another section of a benchmark, between its two markers.
 *
 * @throws Error if a marker is missing
 */
export async function withSection(file: string, name: string, markdown: string): Promise<string> {
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const text = await readFile(file, "utf8");
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${file} has no lines "${begin}" and "${end}".`);
  return `${before}${begin}\n\n${markdown}\n\n${end}${after}`;
}

function reached({ value, atMost = Infinity, atLeast = -Infinity }: Ratio): boolean {
  return value <= atMost && value >= atLeast;
}

function outcome(ratio: Ratio): string {
  if (ratio.atMost === undefined && ratio.atLeast === undefined) return "";
  return reached(ratio) ? "ok" : "**short**";
}

function limit({ atMost, atLeast }: Ratio): string {
  if (atMost !== undefined) return `≤ ${atMost}`;
  return atLeast === undefined ? "" : `≥ ${atLeast}`;
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
