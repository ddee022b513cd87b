/** The picture of the benchmark page: ours beside the others. It is drawn from what each benchmark keeps in the page. */
import type { Comparison, Compared } from "@restricted-calls/shared/contract-bench";

/** The comment that keeps what the picture shows of a benchmark, beside its tables. */
export function keptInPage(comparisons: readonly Comparison[]): string {
  return `<!-- pictured ${JSON.stringify(comparisons)} -->`;
}

/** What the benchmarks have kept in the page, in its order. */
export function comparisonsIn(page: string): Comparison[] {
  return [...page.matchAll(/^<!-- pictured (.*) -->$/gm)].flatMap(([, kept = ""]) => JSON.parse(kept) as Comparison[]);
}

/** Pixels. */
const WIDTH = 800;
const LEFT = 235;
const RIGHT = 650;
const ROW = 20;
const TOP = 64;

/**
 * Draws every duration as a multiple of ours, all on one logarithmic scale: a bar to the right takes longer, one to the left
 * less. A reader sees the colours of a light or a dark page, whichever the browser prefers.
 *
 * @returns an SVG document
 * @throws Error if there is nothing to draw, or a duration is not a positive number
 */
export function draw(comparisons: readonly Comparison[]): string {
  const multiples = comparisons.flatMap(({ ours, others }) => others.map((other) => multipleOf(other, ours)));
  if (multiples.length === 0 || !multiples.every((one) => one > 0 && one < Infinity)) {
    throw new Error(
      `A picture needs positive durations, but these multiples of ours were measured: ${multiples.join(", ")}.`,
    );
  }
  const ticks = ticksFor(multiples);
  const [least, most] = [ticks[0] ?? 1, ticks.at(-1) ?? 1];
  const x = (multiple: number): number =>
    Math.round(LEFT + ((RIGHT - LEFT) * Math.log(multiple / least)) / Math.log(most / least));

  const parts: string[] = [];
  let y = TOP;
  for (const { title, ours, others } of comparisons) {
    y += 30;
    parts.push(text("title", 20, y, title));
    for (const row of [ours, ...others.toSorted((one, other) => one.nanoseconds - other.nanoseconds)]) {
      y += ROW;
      const [from, to] = [x(1), x(multipleOf(row, ours))].sort((one, other) => one - other) as [number, number];
      const times = row === ours ? "" : ` <tspan class="quiet">${inTimes(multipleOf(row, ours))}</tspan>`;
      parts.push(
        text(row === ours ? "name ours" : "name", LEFT - 12, y, row.name),
        row === ours
          ? bar("ours", from - 4, 8, y)
          : bar(to === x(1) ? "less" : "more", from, Math.max(to - from, 1), y),
        `<text class="${row === ours ? "ours" : "value"}" x="${to + 9}" y="${y}">${escape(row.figure)}${times}</text>`,
      );
    }
  }
  const height = y + 24;
  const grid = ticks.map((tick) => {
    const label = tick === 1 ? "ours" : `${tick} ×`;
    return (
      `<path class="${tick === 1 ? "line one" : "line"}" d="M${x(tick)} ${TOP}V${height - 12}"/>` +
      `<text class="${tick === 1 ? "tick ours" : "tick"}" x="${x(tick)}" y="${TOP - 8}">${label}</text>`
    );
  });
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-labelledby="title desc">`,
    `<title id="title">Durations as multiples of ours</title>`,
    `<desc id="desc">${escape(comparisons.map(inWords).join(" "))}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="paper" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    text("title", 20, 28, "Time as a multiple of ours, on a logarithmic scale: further left is quicker"),
    ...grid,
    ...parts,
    "</svg>",
  ].join("\n")}\n`;
}

// The colours are those of the report of `npm run verify`.
const STYLE = `
text { font: 13px system-ui, "Segoe UI", Roboto, "Noto Sans", "Liberation Sans", sans-serif; fill: #1c2126; }
.paper { fill: #fff; stroke: #d5dade; }
.title, .ours { font-weight: 600; }
.title, text.ours, .value { paint-order: stroke; stroke: #fff; stroke-width: 5px; stroke-linejoin: round; }
.name { text-anchor: end; }
.tick { text-anchor: middle; }
.quiet, .tick:not(.ours) { fill: #535c66; }
.line { stroke: #d5dade; }
.line.one { stroke: #0b57a4; }
rect.ours { fill: #0b57a4; }
rect.more { fill: #868f98; }
rect.less { fill: #82b596; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6e9ec; }
  .title, text.ours, .value { stroke: #15181b; }
  .paper { fill: #15181b; stroke: #343a40; }
  .quiet, .tick:not(.ours) { fill: #a4adb6; }
  .line { stroke: #343a40; }
  .line.one { stroke: #8dc2f8; }
  rect.ours { fill: #8dc2f8; }
  rect.more { fill: #79838d; }
  rect.less { fill: #3f7a52; }
}
`;

/** 1 and its multiples at which the scale begins, ends, and has a line. */
function ticksFor(multiples: readonly number[]): number[] {
  const all = [-6, -5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5, 6].flatMap((power) =>
    [1, 2, 5].map((step) => Number(`${step}e${power}`)),
  );
  const [least, most] = [Math.min(1, ...multiples), Math.max(1, ...multiples)];
  return all.filter((_, i) => (all[i + 1] ?? Infinity) > least && (all[i - 1] ?? 0) < most);
}

function multipleOf(one: Compared, ours: Compared): number {
  return one.nanoseconds / ours.nanoseconds;
}

function inTimes(multiple: number): string {
  return `${multiple >= 9.95 ? multiple.toFixed(0) : multiple.toPrecision(2)} ×`;
}

function inWords({ title, ours, others }: Comparison): string {
  return `${title}: ${[ours, ...others].map(({ name, figure }) => `${name} ${figure}`).join("; ")}.`;
}

function text(kind: string, x: number, y: number, content: string): string {
  return `<text class="${kind}" x="${x}" y="${y}">${escape(content)}</text>`;
}

function bar(kind: string, x: number, width: number, y: number): string {
  return `<rect class="${kind}" x="${x}" y="${y - 11}" width="${width}" height="13"/>`;
}

function escape(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
