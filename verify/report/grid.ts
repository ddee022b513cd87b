import { cellLink } from "./cell.ts";
import { html, type Markup } from "./markup.ts";
import type { CallerKind, Cell, Layers, NetworkOrigin, Operation, Report } from "../model/report.ts";
import { scrollable } from "./sections.ts";
import { LAYERS, LAYERS_IN_ORDER } from "./words.ts";

/**
 * The matrix: for each setting of the layers and each called service a grid, callers down, networks and operations across.
 * What the service's Functions host answers itself has grids of its own, one for each network.
 */
export function matrix(report: Report): Markup[] {
  return LAYERS_IN_ORDER.flatMap((layers) => {
    const cells = report.cells.filter((cell) => cell.layers === layers && cell.caller !== null);
    if (cells.length === 0) return [];
    return [
      html`<div class="layers" data-layers="${layers}">
        <h3>${LAYERS[layers].title}</h3>
        <p>${LAYERS[layers].meaning}</p>
        ${services(report).flatMap((service) => grids(report, layers, service, cells))}
      </div>`,
    ];
  });
}

function services({ operations }: Report): string[] {
  return [...new Set(operations.map(({ service }) => service))];
}

function grids(report: Report, layers: Layers, service: string, all: readonly Cell[]): (Markup | null)[] {
  const ofService = report.operations.filter((operation) => operation.service === service);
  const of = (by: Operation["by"]): Operation[] => ofService.filter((operation) => operation.by === by);
  const end = LAYERS[layers].title.toLowerCase();
  return [
    grid(report, `Calls of ${service}: ${end}`, of(undefined), all),
    ...report.origins.map(({ id, title }) =>
      grid(
        report,
        `Calls of ${service}'s Functions host, from ${title}: ${end}`,
        of("host"),
        all.filter(({ origin }) => origin === id),
      ),
    ),
  ];
}

function grid(report: Report, title: string, offered: readonly Operation[], all: readonly Cell[]): Markup | null {
  const cells = all.filter((cell) => offered.some(({ id }) => id === cell.operation));
  if (cells.length === 0) return null;

  const byPlace = new Map(cells.map((cell) => [place(cell.operation, cell.origin, cell.caller), cell]));
  const has = (key: "origin" | "operation" | "caller", id: string): boolean => cells.some((cell) => cell[key] === id);
  const axes: Axes = {
    origins: report.origins.filter(({ id }) => has("origin", id)),
    operations: offered.filter(({ id }) => has("operation", id)),
    callers: report.callers.filter(({ id }) => has("caller", id)),
  };
  return scrollable(
    title,
    html`<table class="grid">
      <caption>
        ${title}
      </caption>
      ${head(axes)}
      <tbody>
        ${axes.callers.map((caller) => row(axes, caller, byPlace))}
      </tbody>
    </table>`,
  );
}

interface Axes {
  readonly origins: readonly NetworkOrigin[];
  readonly operations: readonly Operation[];
  readonly callers: readonly CallerKind[];
}

function head({ origins, operations }: Axes): Markup {
  return html`<thead>
    <tr>
      <th scope="col" rowspan="2">Who calls</th>
      ${origins.map(
        ({ title }) => html`<th scope="colgroup" class="first" colspan="${operations.length}">from ${title}</th>`,
      )}
    </tr>
    <tr>
      ${origins.flatMap(() => operations.map((operation, i) => operationHead(operation, i === 0)))}
    </tr>
  </thead>`;
}

/** A route may break after each slash. */
function operationHead({ method, route, role }: Operation, first: boolean): Markup {
  const parts = route.split("/").map((part, i) => (i === 0 ? part : html`/<wbr />${part}`));
  return html`<th scope="col" class="operation${first ? " first" : ""}">
    <b>${method}</b> ${parts}
    <span class="about"
      >${role === null ? "no role" : role.split(".").map((part, i) => (i === 0 ? part : html`.<wbr />${part}`))}</span
    >
  </th>`;
}

function row({ origins, operations }: Axes, caller: CallerKind, byPlace: ReadonlyMap<string, Cell>): Markup {
  return html`<tr>
    <th scope="row">${caller.title}<span class="about">${caller.description}</span></th>
    ${origins.flatMap((origin) =>
      operations.map((operation, i) => {
        const cell = byPlace.get(place(operation.id, origin.id, caller.id));
        const content =
          cell === undefined ? html`<span class="cell none">no call</span>` : cellLink(cell, { withCode: false });
        return html`<td${i === 0 ? html` class="first"` : null}>${content}</td>`;
      }),
    )}
  </tr> `;
}

function place(operation: string, origin: string, caller: string | null): string {
  return JSON.stringify([operation, origin, caller]);
}
