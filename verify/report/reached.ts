/** The section on the calls that reach an operation. */
import { html, type Markup, type Part } from "./markup.ts";
import { type Cell, type Layers, type Report, LAYERS_IN_ORDER } from "../model/report.ts";
import { scrollable, table } from "./sections.ts";
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
  return html`${overview(report)} ${LAYERS_IN_ORDER.map((layers) => settingOf(report, layers))}
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

/** With several services: a row for each caller, a column for each service. */
function overview({ cells, operations, callers }: Report): Markup | null {
  const withRole = new Map(
    operations.flatMap(({ id, service, role }) => (role === null ? [] : [[id, service] as const])),
  );
  const services = [...new Set(withRole.values())];
  if (services.length < 2) return null;
  const tried = new Set<string>();
  const reached = new Map<string, Set<string>>();
  for (const { layers, operation, caller, actual } of cells) {
    const service = withRole.get(operation);
    if (service === undefined || layers !== "both" || caller === null || actual === null) continue;
    const place = JSON.stringify([caller, service]);
    tried.add(place);
    if (actual.refusedBy !== "nobody") continue;
    reached.set(place, (reached.get(place) ?? new Set()).add(operation));
  }
  const caption = "Operations with a role that each caller reached, from any network, both layers on";
  return scrollable(
    caption,
    html`<table class="grid overview">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Who calls</th>
          ${services.map((service) => html`<th scope="col"><span>${service}</span></th>`)}
        </tr>
      </thead>
      <tbody>
        ${callers.map(
          ({ id, title }) =>
            html`<tr>
              <th scope="row">${title}</th>
              ${services.map((service) => {
                const place = JSON.stringify([id, service]);
                const number = reached.get(place)?.size ?? 0;
                if (!tried.has(place)) return html`<td></td>`;
                return html`<td>
                  <span class="cell ${number > 0 ? "nobody" : "quiet"}">${number > 0 ? number : "–"}</span>
                </td>`;
              })}
            </tr> `,
        )}
      </tbody>
    </table>`,
  );
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
    ${through.length === 0 ? null : tablesOf(report, layers, made, through)}`;
}

/** A table for each service. With many services, a reader opens one after the other. */
function tablesOf(report: Report, layers: Layers, made: readonly Cell[], through: readonly Cell[]): Markup {
  const byOperation = (cells: readonly Cell[]): Map<string, Cell[]> =>
    Map.groupBy(
      cells.filter(({ attack }) => attack === null),
      ({ operation }) => operation,
    );
  const [madeOf, throughOf] = [byOperation(made), byOperation(through)];
  const services = [...Map.groupBy(report.operations, ({ service }) => service)].map(([service, operations]) => {
    const rows = operations.flatMap(({ id }): Part[][] => {
      const calls = throughOf.get(id) ?? [];
      const isTried = layers === "both" && madeOf.has(id);
      if (calls.length === 0) return isTried ? [[operationTitle(report, id), "nobody"]] : [];
      return [[operationTitle(report, id), byOrigin(report, calls, madeOf.get(id) ?? [])]];
    });
    return { service, rows };
  });
  const caption = `Who reaches an operation: ${LAYERS[layers].title.toLowerCase()}`;
  const head = ["Operation", "Callers and networks"];
  const filled = services.filter(({ rows }) => rows.length > 0);
  const attacks = attacksIn(report, through);
  if (filled.length <= MOST_OPEN_SERVICES) {
    return table(caption, head, [...filled.flatMap(({ rows }) => rows), ...attacks]);
  }
  return html`${filled.map(
    ({ service, rows }) =>
      html`<details class="group">
        <summary>Calls of ${service} <span class="quiet">${count(rows.length, "operation")}</span></summary>
        ${table(`${caption}, ${service}`, head, rows)}
      </details> `,
  )}
  ${attacks.length === 0 ? null : table(caption, head, attacks)}`;
}

const MOST_OPEN_SERVICES = 4;

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

/** The callers of one operation by network. Networks with the same callers share a line, whose links lead to the first one's calls. */
function byOrigin(report: Report, calls: readonly Cell[], made: readonly Cell[]): Markup[] {
  const callersOf = (cells: readonly Cell[]): string =>
    JSON.stringify(cells.map(({ caller, result }) => [caller, result === "different"]));
  const origins = [...Map.groupBy(calls, ({ origin }) => origin)];
  const isAll = (origin: string, cells: readonly Cell[]): boolean => isEveryCaller(report, origin, cells, made);
  const alike = Map.groupBy(origins, ([origin, cells]) => (isAll(origin, cells) ? "all" : callersOf(cells)));
  return [...alike.values()].map((same) => {
    const [first, cells] = same[0] ?? ["", []];
    const names = same.map(([origin]) => titleOf(report.origins, origin)).join(", ");
    return html`<div>from ${names}: ${isAll(first, cells) ? "every caller" : linksTo(report, cells)}</div> `;
  });
}

/** Whether no call from the network was refused. */
function isEveryCaller(report: Report, origin: string, calls: readonly Cell[], made: readonly Cell[]): boolean {
  const sent = made.filter((cell) => cell.origin === origin && cell.actual?.refusedBy !== "identity-provider");
  return report.only === null && sent.length > 1 && sent.length === calls.length;
}

function linksTo(report: Report, cells: readonly Cell[]): Markup[] {
  return cells.map((cell, i) => {
    const differs = cell.result === "different" ? html` <b class="bad">differs</b>` : null;
    return html`${i === 0 ? null : "; "}<a href="#${anchorOf(cell.id)}">${callerTitle(report, cell)}</a>${differs}`;
  });
}

function attacksIn(report: Report, through: readonly Cell[]): Part[][] {
  const attacks = through.filter(({ attack }) => attack !== null);
  if (attacks.length === 0) return [];
  const origins = [...Map.groupBy(attacks, ({ origin }) => origin)];
  const lines = origins.map(
    ([origin, some]) => html`<div>from ${titleOf(report.origins, origin)}: ${count(some.length, "attack")}</div> `,
  );
  return [["The attack catalogue", lines]];
}
