/** The calls of the report: each with request and response, and the filter. */
import { type Cell, type Exchange, type Report, LAYERS_IN_ORDER } from "../model/report.ts";
import { content, html, type Markup } from "./markup.ts";
import type { Block } from "./parts.ts";
import { command, facts } from "./sections.ts";
import {
  anchorOf,
  callerTitle,
  callInWords,
  commandFor,
  count,
  LAYERS,
  operationTitle,
  outcomeInWords,
  RESULTS,
  titleOf,
} from "./words.ts";

/** The text above the calls. */
export function aboutCalls(report: Report): Markup {
  const different = differing(report).length;
  return html`<p>
      Requests and responses; tokens without their signatures.
      ${different === 0 ? null : html`${count(different, "call")} that differ: see <a href="#differences">What differs</a>.`}
    </p>
    <p class="on-paper">The page on screen and report.json show requests and responses of these calls.</p>`;
}

/** With more, one fault has many effects, and the first ones show it. */
const MOST_DIFFERENCES = 500;

/** The calls that differ, as the first section lists them. */
export function differing({ cells }: Pick<Report, "cells">): Cell[] {
  return cells.filter(({ result }) => result === "different").slice(0, MOST_DIFFERENCES);
}

/** Every call, in groups, besides those of the first section. */
export function everyCall(report: Report, cells: readonly Cell[]): Block[] {
  const listed = new Set(differing(report).map(({ id }) => id));
  const rest = cells.filter(({ id }) => !listed.has(id));
  const ofLayers = Map.groupBy(rest, ({ layers }) => layers);
  const parts = LAYERS_IN_ORDER.flatMap((layers) => {
    const groups = Map.groupBy(ofLayers.get(layers) ?? [], ({ operation, attack }) =>
      attack === null ? operation : null,
    );
    return [...groups].map(([operation, some]) => {
      const name = operation === null ? "the attack catalogue" : operationTitle(report, operation);
      const content = (): Markup => html`${some.map((cell) => call(report, cell))}`;
      return { title: `${LAYERS[layers].title}: ${name}`, cells: some, isOpen: false, content };
    });
  });
  return parts.length === 0 ? [] : [{ heading: null, parts }];
}

/**
 * One call with request and response; open if it differs. The inner element has the id, so that a link to it opens the closed
 * call, also without a script (HTML standard, "ancestor revealing").
 */
export function call(report: Report, cell: Cell): Markup {
  const differs = cell.result === "different";
  return html`<details class="call${differs ? " card different" : null}" ${differs ? html`open` : null}>
    <summary>
      <b>${callerTitle(report, cell)}</b>
      <span class="quiet">from ${titleOf(report.origins, cell.origin)}: ${ending(cell)}</span>
    </summary>
    <div class="opened" id="${anchorOf(cell.id)}">${contentOf(report, cell)}</div>
  </details> `;
}

/** "No token from the internet: 403 refused by the network layer". */
export function titleOfCall(report: Report, cell: Cell): string {
  return `${callerTitle(report, cell)} from ${titleOf(report.origins, cell.origin)}: ${ending(cell)}`;
}

/** The facts of a call, its request and its response. */
export function contentOf(report: Report, cell: Cell): Markup {
  return html`${factsOf(report, cell)} ${cell.exchanges.map(exchange)}`;
}

/** Whether a call matches the filter: a value for each choice, "" for all. Text is searched elsewhere. */
export function isChosen(cell: Cell, chosen: Readonly<Record<string, string>>): boolean {
  const { layers, origin, operation, result, heldByOneLayer } = cell;
  const values: Readonly<Record<string, readonly string[]>> = {
    layers: [layers],
    origin: [origin],
    operation: [operation],
    caller: [cell.caller ?? ATTACKS],
    result: [result, ...(heldByOneLayer ? ["one-layer"] : [])],
  };
  return Object.entries(chosen).every(([name, value]) => value === "" || values[name]?.includes(value) === true);
}

/** The caller of every attack, for the filter. */
const ATTACKS = "attack";

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
    "One layer": heldByOneLayer ? "Refused with both layers on, and successful with this one off." : null,
    Id: html`<code>${id}</code>`,
  })}
  ${again === null ? null : command(again, "To make this call again:")}`;
}

/** A request, its response, and the decoded token. */
function exchange({ request, response }: Exchange): Markup {
  const { method, url, headers, token, body } = request;
  const sent = html`<b>${method} ${url}</b>${lines(headers)}${body === null ? null : ["\n\n", indented(body)]}`;
  return html`<div class="exchange">
    <div>
      <p class="part">Request</p>
      <pre>${sent}</pre>
    </div>
    <div>
      <p class="part">Response</p>
      ${response === null ? html`<p>None.</p>` : responseOf(response)}
    </div>
    ${
      token === null
        ? null
        : html`<div class="token">
            <p class="part">Token, without its signature</p>
            <pre>${content(JSON.stringify(token.header))}${"\n"}${members(token.claims)}</pre>
          </div>`
    }
  </div>`;
}

function responseOf({ status, headers, body }: NonNullable<Exchange["response"]>): Markup {
  return html`<pre><b>${status}</b>${lines(headers)}${body === "" ? null : ["\n\n", indented(body)]}</pre>`;
}

function lines(headers: Readonly<Record<string, string>>): Markup[] {
  return Object.entries(headers).map(([name, value]) => content(`\n${name}: ${value}`));
}

/** Formats JSON. */
function indented(body: string): Markup {
  try {
    return content(JSON.stringify(JSON.parse(body), null, 2));
  } catch {
    return content(body.trimEnd());
  }
}

/** One line for each member. Times have a date beside them. */
function members(value: unknown): Markup {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return content(JSON.stringify(value));
  const entries = Object.entries(value as Record<string, unknown>);
  const lines = entries.map(([name, member], i) => [
    content(`\n  ${JSON.stringify(name)}: ${JSON.stringify(member)}${i < entries.length - 1 ? "," : ""}`),
    date(name, member),
  ]);
  return html`${"{"}${lines}${"\n}"}`;
}

function date(name: string, member: unknown): Markup | null {
  if (!TIMES.has(name) || typeof member !== "number") return null;
  const time = new Date(member * 1000);
  return Number.isNaN(time.getTime()) ? null : html` <i>${time.toISOString().replace(".000", "")}</i>`;
}

/** Claims that hold seconds since 1970 (RFC 7519 section 2, NumericDate). */
const TIMES: ReadonlySet<string> = new Set(["exp", "iat", "nbf"]);

type Choice = readonly [value: string, title: string];

/** The filter of the calls. The page's script shows it. */
export function filter(report: Report): Markup {
  const { cells } = report;
  const keys = ["layers", "origin", "operation", "caller"] as const;
  const values = Object.fromEntries(keys.map((key) => [key, new Set(cells.map((cell) => cell[key]))]));
  const used = (key: (typeof keys)[number], value: string): boolean => values[key]?.has(value) === true;
  const named = (things: readonly { id: string; title: string }[], key: "origin" | "caller"): Choice[] =>
    things.filter(({ id }) => used(key, id)).map(({ id, title }) => [id, title]);
  return html`<form id="filter" class="filter" aria-label="Filter the calls" hidden>
    ${select(
      "layers",
      "Layers",
      LAYERS_IN_ORDER.filter((layers) => used("layers", layers)).map((layers) => [layers, LAYERS[layers].title]),
    )}
    ${select("origin", "From", named(report.origins, "origin"))}
    ${select("caller", "Who calls", [
      ...named(report.callers, "caller"),
      ...(cells.some(({ attack }) => attack !== null) ? [[ATTACKS, "the attack catalogue"] as const] : []),
    ])}
    ${select(
      "operation",
      "Operation",
      report.operations.filter(({ id }) => used("operation", id)).map(({ id }) => [id, operationTitle(report, id)]),
    )}
    ${select("result", "Result", [...Object.entries(RESULTS), ["one-layer", "held by one layer only"]])}
    <label>Text <input type="search" name="text" autocomplete="off" spellcheck="false" /></label>
    <button type="reset">Clear</button>
    <output name="shown">${count(cells.length, "call")}</output>
  </form>`;
}

function select(name: string, label: string, choices: readonly Choice[]): Markup {
  return html`<label
    >${label}
    <select name="${name}">
      <option value="">all</option>
      ${choices.map(([value, title]) => html`<option value="${value}">${title}</option>`)}
    </select></label
  >`;
}
