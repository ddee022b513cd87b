/** The sections of the matrix and the attack catalogue: grids of calls. */
import {
  type CallerKind,
  type Cell,
  type Layers,
  type NetworkOrigin,
  type Operation,
  type Outcome,
  type Report,
  LAYERS_IN_ORDER,
} from "../model/report.ts";
import { html, type Markup } from "./markup.ts";
import { type Block, MOST_CALLS_AT_ONCE } from "./parts.ts";
import { scrollable } from "./sections.ts";
import { anchorOf, DECIDED_BY, LAYERS, operationTitle } from "./words.ts";

/**
 * The matrix: for each setting of the layers and each called service a grid, with a row for each caller. The endpoints of the
 * Functions host have a grid for each network. Rows and columns without a call are left out.
 */
export function matrix(report: Report, cells: readonly Cell[]): Block[] {
  const services = new Map(report.operations.map(({ id, service }) => [id, service]));
  const all = cells.filter(({ caller }) => caller !== null);
  const ofLayers = Map.groupBy(all, ({ layers }) => layers);
  return LAYERS_IN_ORDER.flatMap((layers) => {
    const byService = Map.groupBy(ofLayers.get(layers) ?? [], ({ operation }) => services.get(operation) ?? operation);
    if (byService.size === 0) return [];
    const parts = [...byService].map(([service, some]) => ({
      title: `Calls of ${service}`,
      cells: some,
      isOpen: cells.length <= MOST_CALLS_AT_ONCE,
      content: () => html`${grids(report, layers, service, some)}`,
    }));
    return [{ heading: headingOf(layers), parts }];
  });
}

function headingOf(layers: Layers): Markup {
  return html`<h3>${LAYERS[layers].title}</h3>
    <p>${LAYERS[layers].meaning}</p>`;
}

function grids(report: Report, layers: Layers, service: string, all: readonly Cell[]): (Markup | null)[] {
  const ofService = report.operations.filter((operation) => operation.service === service);
  const of = (by: Operation["by"]): Operation[] => ofService.filter((operation) => operation.by === by);
  const end = LAYERS[layers].title.toLowerCase();
  const byOrigin = Map.groupBy(all, ({ origin }) => origin);
  return [
    grid(report, `Calls of ${service}: ${end}`, of(undefined), all),
    ...report.origins.map(({ id, title }) =>
      grid(report, `Calls of ${service}'s Functions host, from ${title}: ${end}`, of("host"), byOrigin.get(id) ?? []),
    ),
  ];
}

function grid(report: Report, title: string, offered: readonly Operation[], all: readonly Cell[]): Markup | null {
  const ids = new Set(offered.map(({ id }) => id));
  const cells = all.filter(({ operation }) => ids.has(operation));
  if (cells.length === 0) return null;

  const byPlace = new Map(cells.map((cell) => [place(cell.operation, cell.origin, cell.caller), cell]));
  const keys = ["origin", "operation", "caller"] as const;
  const values = Object.fromEntries(keys.map((key) => [key, new Set(cells.map((cell) => cell[key]))]));
  const has = (key: (typeof keys)[number], id: string): boolean => values[key]?.has(id) === true;
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

/** The text above the attack catalogue. */
export function aboutAttacks(report: Report): Markup {
  const attacked = new Set(report.cells.filter(({ attack }) => attack !== null).map(({ operation }) => operation));
  if (attacked.size === 0) return html`<p>No attack of the catalogue was tried.</p>`;
  return html`<p>
    Each call has one defect, and was sent to ${[...attacked].map((id) => operationTitle(report, id)).join(", ")}. The
    code is that of the application's response.
  </p>`;
}

/** The attack catalogue: a row for each attack, a column for each network. */
export function attackTables(report: Report, cells: readonly Cell[]): Block[] {
  const all = cells.filter(({ attack }) => attack !== null);
  const ofLayers = Map.groupBy(all, ({ layers }) => layers);
  return LAYERS_IN_ORDER.flatMap((layers) => {
    const attacked = Map.groupBy(ofLayers.get(layers) ?? [], ({ operation }) => operation);
    if (attacked.size === 0) return [];
    const parts = [...attacked].map(([id, some]) => {
      const service = report.operations.find((operation) => operation.id === id)?.service ?? id;
      const caption = `Attacks on ${service}: ${LAYERS[layers].title.toLowerCase()}`;
      return {
        title: `Attacks on ${service}`,
        cells: some,
        isOpen: cells.length <= MOST_CALLS_AT_ONCE,
        content: () => attackTable(report, caption, some),
      };
    });
    return [{ heading: html`<h3>${LAYERS[layers].title}</h3>`, parts }];
  });
}

function attackTable({ origins }: Report, caption: string, cells: readonly Cell[]): Markup {
  const byPlace = new Map(cells.map((cell) => [JSON.stringify([cell.attack, cell.origin]), cell]));
  const tried = origins.filter(({ id }) => cells.some(({ origin }) => origin === id));
  const names = [...new Set(cells.map(({ attack }) => attack))];
  return scrollable(
    caption,
    html`<table class="grid list">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          <th scope="col">Attack</th>
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
  );
}

/** A call in a grid: its status, who decided (as icon and in words), and a link to the call. */
function cellLink(cell: Cell, { withCode }: { readonly withCode: boolean }): Markup {
  const { actual, expected, result, id, heldByOneLayer } = cell;
  const kind = `${actual?.refusedBy ?? "none"}${result === "different" ? " different" : ""}`;
  const [first, second] = actual === null ? [] : inTwoLines(actual);
  return html`<a class="cell ${kind}" href="#${anchorOf(id)}"
    >${actual === null ? (result === "different" ? "no response" : "not checked") : html`<span class="status">${icon(actual.refusedBy)}${first}</span> ${second}`}${withCode && actual?.code != null ? html` <code>${actual.code}</code>` : null}${
      result === "different" ? html` <span class="flag">differs: expected ${shortly(expected)}</span>` : null
    }${heldByOneLayer ? html` <span class="flag">one layer only</span>` : null}</a
  >`;
}

function inTwoLines({ status, refusedBy }: Outcome): readonly [string | number, string] {
  return status === null ? [DECIDED_BY[refusedBy], "no token"] : [status, DECIDED_BY[refusedBy]];
}

function shortly({ status, refusedBy, code }: Outcome): string {
  return [status, DECIDED_BY[refusedBy], code].filter((part) => part !== null).join(" ");
}

/** Icons show who decided without colour. Screen readers skip them. */
function icon(kind: Outcome["refusedBy"]): Markup {
  return html`<svg class="icon" aria-hidden="true"><use href="#icon-${kind}" /></svg>`;
}

export const icons: Markup = html`<svg class="icons" aria-hidden="true" width="0" height="0">
  <symbol id="icon-nobody" viewBox="0 0 16 16"><path d="M2 8h11M9 4l4 4-4 4" /></symbol>
  <symbol id="icon-network" viewBox="0 0 16 16"><path d="M2 3h12v10H2zM2 8h12M8 3v5M5 8v5M11 8v5" /></symbol>
  <symbol id="icon-application" viewBox="0 0 16 16"><path d="M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4z" /></symbol>
  <symbol id="icon-host" viewBox="0 0 16 16"><path d="M3 7h10v7H3zM5 7V5a3 3 0 0 1 6 0v2" /></symbol>
  <symbol id="icon-identity-provider" viewBox="0 0 16 16">
    <path d="M8 5a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM7 7l6 6M11 11l2-2" />
  </symbol>
</svg>`;

export const legend: Markup = html`<ul class="legend" aria-label="How a call ended">
  <li><span class="cell nobody">${icon("nobody")} let through</span> reached the operation</li>
  <li><span class="cell network">${icon("network")} network</span> refused by the access restrictions</li>
  <li><span class="cell application">${icon("application")} application</span> refused by the token check</li>
  <li><span class="cell host">${icon("host")} host</span> refused by the Functions host, before any function</li>
  <li><span class="cell identity-provider">${icon("identity-provider")} Entra ID</span> issued no token, so no call</li>
</ul>`;
