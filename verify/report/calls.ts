import { exchange } from "./exchange.ts";
import { html, type Markup } from "./markup.ts";
import type { Cell, Report } from "./report.ts";
import { command } from "./sections.ts";
import {
  anchorOf,
  callerTitle,
  commandFor,
  count,
  LAYERS,
  LAYERS_IN_ORDER,
  operationTitle,
  outcomeInWords,
  RESULTS,
  titleOf,
} from "./words.ts";

/** Every call that does not differ, closed, in groups; those that differ stand above, open. */
export function everyCall(report: Report): Markup {
  return html`${LAYERS_IN_ORDER.flatMap((layers) =>
    groups(report.cells.filter((cell) => cell.layers === layers && cell.result !== "different")).map(
      ([operation, cells]) =>
        html`<details class="group">
          <summary>
            ${LAYERS[layers].title}: ${operation === null ? "the attack catalogue" : operationTitle(report, operation)}
            <span class="number">${count(cells.length, "call")}</span>
          </summary>
          ${cells.map((cell) => call(report, cell, { open: false }))}
        </details> `,
    ),
  )}`;
}

function groups(cells: readonly Cell[]): [operation: string | null, cells: readonly Cell[]][] {
  const byOperation = Map.groupBy(cells, ({ operation, attack }) => (attack === null ? operation : null));
  return [...byOperation];
}

/**
 * One call, opened down to request and answer. The id stands within, so that a link to it opens what it is closed in,
 * also without a script (HTML standard, "ancestor revealing").
 */
export function call(report: Report, cell: Cell, { open }: { readonly open: boolean }): Markup {
  const again = commandFor(report, cell.id);
  return html`<details
    class="call ${cell.result}"
    ${open ? html`open` : null}
    data-layers="${cell.layers}"
    data-origin="${cell.origin}"
    data-caller="${cell.caller ?? ATTACKS}"
    data-operation="${cell.operation}"
    data-result="${cell.result}${cell.heldByOneLayer ? " one-layer" : null}"
  >
    <summary>
      <span class="who">${callerTitle(report, cell)}</span>
      <span class="where">from ${titleOf(report.origins, cell.origin)}</span>
      <span class="what">${cell.actual === null ? RESULTS[cell.result] : outcomeInWords(cell.actual)}</span>
    </summary>
    <div class="opened" id="${anchorOf(cell.id)}">
      ${facts(report, cell)} ${cell.exchanges.map(exchange)}
      ${
        again === null
          ? null
          : html`<p class="again">To make this call again:</p>
              ${command(again)}`
      }
    </div>
  </details> `;
}

/** What stands for a kind of caller where the caller is an attack. */
export const ATTACKS = "attack";

function facts(report: Report, cell: Cell): Markup {
  const { actual, expected, result, note } = cell;
  return html`<dl class="facts">
    <dt>Call</dt>
    <dd>
      ${operationTitle(report, cell.operation)} from ${titleOf(report.origins, cell.origin)} by
      ${callerTitle(report, cell)}, ${LAYERS[cell.layers].title.toLowerCase()}
    </dd>
    <dt>Expected</dt>
    <dd>${outcomeInWords(expected)}</dd>
    <dt>Seen</dt>
    <dd>
      ${actual === null ? "no call was made" : outcomeInWords(actual)}
      <span class="result ${result}">${RESULTS[result]}</span>
    </dd>
    ${
      note === null
        ? null
        : html`<dt>Note</dt>
            <dd>${note}</dd>`
    }
    ${
      cell.heldByOneLayer
        ? html`<dt>One layer</dt>
            <dd>With both layers on it is refused; with this one off it gets through.</dd>`
        : null
    }
    <dt>Id</dt>
    <dd><code>${cell.id}</code></dd>
  </dl>`;
}
