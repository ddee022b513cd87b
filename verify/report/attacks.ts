import { cellLink } from "./cell.ts";
import { html, type Markup } from "./markup.ts";
import type { Cell, Report } from "../model/report.ts";
import { scrollable } from "./sections.ts";
import { LAYERS, LAYERS_IN_ORDER, operationTitle } from "./words.ts";

/** The attack catalogue: each attack down, the networks that it was tried from across. */
export function attackTables(report: Report): Markup {
  const attacks = report.cells.filter((cell) => cell.attack !== null);
  if (attacks.length === 0) return html`<p>No attack of the catalogue was tried.</p>`;
  const operations = [...new Set(attacks.map(({ operation }) => operationTitle(report, operation)))];
  return html`<p>
      Each is a call with one thing wrong and everything else right, sent to ${operations.join(", ")}. The code is the
      one that the application answers with.
    </p>
    ${LAYERS_IN_ORDER.map((layers) => {
      const cells = attacks.filter((cell) => cell.layers === layers);
      return cells.length === 0 ? null : table(report, LAYERS[layers].title, cells);
    })}`;
}

function table({ origins }: Report, title: string, cells: readonly Cell[]): Markup {
  const byPlace = new Map(cells.map((cell) => [JSON.stringify([cell.attack, cell.origin]), cell]));
  const tried = origins.filter(({ id }) => cells.some(({ origin }) => origin === id));
  const names = [...new Set(cells.map(({ attack }) => attack))];
  const caption = `Attacks: ${title.toLowerCase()}`;
  return html`<details class="layers" open>
    <summary><h3>${title}</h3></summary>
    ${scrollable(
      caption,
      html`<table class="grid list">
        <caption>
          ${caption}
        </caption>
        <thead>
          <tr>
            <th scope="col">What is tried</th>
            ${tried.map((origin) => html`<th scope="col" class="first">from ${origin.title}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${names.map(
            (name) =>
              html`<tr>
                <th scope="row">${name}</th>
                ${tried.map(({ id }) => {
                  const cell = byPlace.get(JSON.stringify([name, id]));
                  return html`<td class="first">${cell === undefined ? null : cellLink(cell, { withCode: true })}</td>`;
                })}
              </tr> `,
          )}
        </tbody>
      </table>`,
    )}
  </details>`;
}
