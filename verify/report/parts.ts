/** Parts of the page with many calls. The page contains a small report's parts; the script renders the others once they are opened. */
import type { Cell } from "../model/report.ts";
import { html, type Markup } from "./markup.ts";
import { count } from "./words.ts";

/** With more calls than this, the page has no part without its script, and opens none by itself. */
export const MOST_CALLS_AT_ONCE = 3_000;

/** A part that can be opened. */
export interface Part {
  readonly title: string;
  readonly cells: readonly Cell[];
  readonly isOpen: boolean;
  readonly content: () => Markup;
}

/** Parts under one heading. */
export interface Block {
  readonly heading: Markup | null;
  readonly parts: readonly Part[];
}

/** Nobody reads a longer list. */
const MOST_PARTS = 200;

/** All parts, with the content of those that `isFilled` names. The script fills the others. */
export function blocks(all: readonly Block[], isFilled: (part: Part) => boolean): Markup {
  const number = all.reduce((sum, { parts }) => sum + parts.length, 0);
  if (number > MOST_PARTS) {
    return html`<p>${number} groups of calls: choose fewer calls in the <a href="#filter">filter</a>.</p>`;
  }
  return html`${all.map(
    ({ heading, parts }) =>
      html`<div class="layers">
        ${heading}
        ${parts.map(
          (part) =>
            html`<details class="group" ${part.isOpen ? html`open` : null}>
              <summary>${part.title} <span class="quiet">${count(part.cells.length, "call")}</span></summary>
              <div>${isFilled(part) ? part.content() : null}</div>
            </details> `,
        )}
      </div> `,
  )}`;
}

/** What the page contains of these parts without its script. */
export function withoutScript(report: { readonly cells: readonly Cell[] }, all: readonly Block[]): Markup {
  const number = report.cells.length;
  if (number <= MOST_CALLS_AT_ONCE) return blocks(all, () => true);
  return html`<p>
    The page's script shows the ${count(number, "call")}. Without it, see <a href="report.json">report.json</a>.
  </p>`;
}
