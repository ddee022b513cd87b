import { exchange } from "./exchange.ts";
import { html, type Markup } from "./markup.ts";
import type { Cell, Report } from "../model/report.ts";
import { command, facts } from "./sections.ts";
import {
  anchorOf,
  callerTitle,
  callInWords,
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
  const different = report.cells.filter(({ result }) => result === "different").length;
  const groups = LAYERS_IN_ORDER.flatMap((layers) => {
    const cells = report.cells.filter((cell) => cell.layers === layers && cell.result !== "different");
    const byOperation = Map.groupBy(cells, ({ operation, attack }) => (attack === null ? operation : null));
    return [...byOperation].map(
      ([operation, some]) =>
        html`<details class="group">
          <summary>
            ${LAYERS[layers].title}: ${operation === null ? "the attack catalogue" : operationTitle(report, operation)}
            <span class="quiet">${count(some.length, "call")}</span>
          </summary>
          ${some.map((cell) => call(report, cell))}
        </details> `,
    );
  });
  return html`<p>
      Request and answer of each; tokens without their signatures.
      ${different === 0 ? null : html`${count(different, "call")} that differ stand <a href="#differences">above</a>.`}
    </p>
    ${groups}
    <p class="on-paper">Requests and answers of these calls are in the page on screen, and in report.json.</p>`;
}

/**
 * One call, opened down to request and answer; open from the start where it differs. The id stands within, so that a
 * link to it opens what it is closed in, also without a script (HTML standard, "ancestor revealing").
 */
export function call(report: Report, cell: Cell): Markup {
  const { result } = cell;
  return html`<details
    class="call${result === "different" ? " card different" : null}"
    ${result === "different" ? html`open` : null}
    data-layers="${cell.layers}"
    data-origin="${cell.origin}"
    data-caller="${cell.caller ?? ATTACKS}"
    data-operation="${cell.operation}"
    data-result="${result}${cell.heldByOneLayer ? " one-layer" : null}"
  >
    <summary>
      <b>${callerTitle(report, cell)}</b>
      <span class="quiet">from ${titleOf(report.origins, cell.origin)}: ${ending(cell)}</span>
    </summary>
    <div class="opened" id="${anchorOf(cell.id)}">${factsOf(report, cell)} ${cell.exchanges.map(exchange)}</div>
  </details> `;
}

/** What stands for a kind of caller where the caller is an attack. */
export const ATTACKS = "attack";

function ending({ actual, result }: Cell): string {
  return actual === null ? RESULTS[result] : outcomeInWords(actual);
}

function factsOf(report: Report, cell: Cell): Markup {
  const { result, actual, expected, note, id, heldByOneLayer } = cell;
  const again = result === "different" ? commandFor(report, id) : null;
  return html`${facts({
    Call: callInWords(report, cell),
    Expected: result === "as-expected" ? null : outcomeInWords(expected),
    Seen:
      actual === null
        ? null
        : html`${outcomeInWords(actual)} <b class="${result === "different" ? "bad" : "good"}">${RESULTS[result]}</b>`,
    Note: note,
    "One layer": heldByOneLayer ? "With both layers on it is refused; with this one off it gets through." : null,
    Id: html`<code>${id}</code>`,
  })}
  ${again === null ? null : command(again, "To make this call again:")}`;
}
