/** The section on the calls that reach an operation. */
import { html, type Markup, type Part } from "./markup.ts";
import { type Cell, type Layers, type Report, LAYERS_IN_ORDER } from "../model/report.ts";
import { table } from "./sections.ts";
import { anchorOf, callerTitle, count, LAYERS, operationTitle, titleOf } from "./words.ts";

const WITH_ONE_OFF: Readonly<Record<Exclude<Layers, "both">, string>> = {
  "application-only":
    "Only the network layer refuses these calls. Without its restrictions they reach the operation: the application accepts " +
    "their tokens, or needs none. An example is a stolen token, sent from another network.",
  "network-only":
    "Only the application layer refuses these calls. Without a token check they reach the operation, because their network is " +
    "let in.",
};

/** The calls that reach an operation with both layers on, and those that only one layer refuses. */
export function reachedOperations(report: Report): Markup {
  const offTried = report.cells.some(({ layers }) => layers !== "both");
  return html`${LAYERS_IN_ORDER.map((layers) => settingOf(report, layers))}
  ${
    offTried
      ? null
      : html`<p>
          ${
            report.target.kind === "local"
              ? "No call was made with a layer switched off."
              : "On a deployment no layer is switched off. The local verification does so."
          }
        </p>`
  }`;
}

function settingOf(report: Report, layers: Layers): Markup | null {
  const made = report.cells.filter((cell) => cell.layers === layers && cell.actual !== null);
  if (made.length === 0) return null;
  const title = LAYERS[layers].title;
  const through = made.filter(
    ({ actual, heldByOneLayer }) => actual?.refusedBy === "nobody" && (layers === "both" || heldByOneLayer),
  );
  return html`<h3>${title}</h3>
    <p>${layers === "both" ? refusals(made) : through.length === 0 ? NOTHING_MORE : WITH_ONE_OFF[layers]}</p>
    ${
      through.length === 0
        ? null
        : table(
            `Who reaches an operation: ${title.toLowerCase()}`,
            ["Operation", "Callers and networks"],
            [
              ...report.operations.flatMap(({ id }) => {
                const calls = through.filter(({ operation, attack }) => operation === id && attack === null);
                const isTried = layers === "both" && made.some(({ operation }) => operation === id);
                if (calls.length === 0) return isTried ? [[operationTitle(report, id), "nobody"]] : [];
                return [
                  [operationTitle(report, id), byOrigin(report, calls, (cells) => callersIn(report, cells, made))],
                ];
              }),
              ...attacksIn(report, through),
            ],
          )
    }`;
}

const NOTHING_MORE = "No further call reaches an operation: the other layer refuses all of them.";

function refusals(made: readonly Cell[]): string {
  const number = (by: string): number => made.filter(({ actual }) => actual?.refusedBy === by).length;
  const [through, network, application, host, entra] = [
    "nobody",
    "network",
    "application",
    "host",
    "identity-provider",
  ].map(number);
  return (
    `Of ${count(made.length, "call")}, ${through} reached an operation. The network layer refused ${network}, ` +
    `the application layer ${application} and the Functions host ${host}. For ${entra}, Entra ID issued no token.`
  );
}

function byOrigin(report: Report, cells: readonly Cell[], words: (cells: readonly Cell[]) => Part): Markup[] {
  const origins = [...Map.groupBy(cells, ({ origin }) => origin)];
  return origins.map(([origin, some]) => html`<div>from ${titleOf(report.origins, origin)}: ${words(some)}</div> `);
}

/** The callers of one operation from one network; "every caller" if no call was refused. */
function callersIn(report: Report, cells: readonly Cell[], made: readonly Cell[]): Part {
  const [{ operation, origin } = { operation: "", origin: "" }] = cells;
  const sent = made.filter(
    (cell) =>
      cell.operation === operation &&
      cell.origin === origin &&
      cell.attack === null &&
      cell.actual?.refusedBy !== "identity-provider",
  );
  if (report.only === null && sent.length > 1 && sent.length === cells.length) return "every caller";
  return cells.map((cell, i) => {
    const differs = cell.result === "different" ? html` <b class="bad">differs</b>` : null;
    return html`${i === 0 ? null : "; "}<a href="#${anchorOf(cell.id)}">${callerTitle(report, cell)}</a>${differs}`;
  });
}

function attacksIn(report: Report, through: readonly Cell[]): Part[][] {
  const attacks = through.filter(({ attack }) => attack !== null);
  if (attacks.length === 0) return [];
  return [["The attack catalogue", byOrigin(report, attacks, (cells) => count(cells.length, "attack"))]];
}
