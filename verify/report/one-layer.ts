import { html, type Markup } from "./markup.ts";
import type { Cell, Layers, Report } from "./report.ts";
import { scrollable } from "./sections.ts";
import { anchorOf, callerTitle, count, LAYERS, operationTitle, titleOf } from "./words.ts";

const OFF = ["application-only", "network-only"] as const satisfies readonly Layers[];

const HOLDS: Readonly<Record<(typeof OFF)[number], string>> = {
  "application-only":
    "Stopped by the network layer alone. Where its restrictions are missing, these calls get through, for the application " +
    "accepts their tokens or asks for none: for example a stolen token, sent from elsewhere.",
  "network-only":
    "Stopped by the application layer alone. Where tokens are not checked, these calls get through, for they come from " +
    "a network that is let in.",
};

/** The calls that a single layer stops, named honestly: they fall where that one falls. */
export function oneLayer(report: Report): Markup {
  const tried = OFF.filter((layers) => report.cells.some((cell) => cell.layers === layers));
  if (tried.length === 0) {
    return html`<p>
      Not tried:
      ${
        report.target.kind === "local"
          ? "no call was made with a layer switched off."
          : "on a deployment no layer is switched off. The local verification does so."
      }
    </p>`;
  }
  return html`<p>
      Most refusals would be made by either layer. These would not: with one layer switched off they got through.
    </p>
    ${tried.map((layers) => {
      const held = report.cells.filter((cell) => cell.layers === layers && cell.heldByOneLayer);
      return html`<h3>${LAYERS[layers].title}</h3>
        ${
          held.length === 0
            ? html`<p>Nothing more gets through: the other layer refuses all the same.</p>`
            : html`<p>${HOLDS[layers]}</p>
                ${table(report, layers, held)}`
        }`;
    })}`;
}

function table(report: Report, layers: Layers, held: readonly Cell[]): Markup {
  const byCaller = Map.groupBy(held, (cell) => (cell.attack === null ? cell.caller : null));
  const caption = `What gets through: ${LAYERS[layers].title.toLowerCase()}`;
  return scrollable(
    caption,
    html`<table class="plain">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Who calls</th>
          <th scope="col">Calls</th>
        </tr>
      </thead>
      <tbody>
        ${[...byCaller.values()].map((cells) => row(report, cells))}
      </tbody>
    </table>`,
  );
}

function row(report: Report, cells: readonly Cell[]): Markup {
  const attacks = cells.filter(({ attack }) => attack !== null);
  const byPlace = Map.groupBy(cells, ({ operation, origin }) => (attacks.length > 0 ? origin : operation));
  const [first] = cells;
  const lines = [...byPlace].map(([place, some]) =>
    attacks.length > 0
      ? html`<div>${count(some.length, "attack")} from ${titleOf(report.origins, place)}</div>`
      : html`<div>${operationTitle(report, place)} ${some.map((cell, i) => link(report, cell, i))}</div>`,
  );
  return html`<tr>
    <th scope="row">
      ${attacks.length > 0 || first === undefined ? "The attack catalogue" : callerTitle(report, first)}
    </th>
    <td>${lines}</td>
  </tr>`;
}

function link({ origins }: Report, { id, origin }: Cell, i: number): Markup {
  return html`${i === 0 ? "from " : ", "}<a href="#${anchorOf(id)}">${titleOf(origins, origin)}</a>`;
}
