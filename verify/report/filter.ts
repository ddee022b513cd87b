import { ATTACKS } from "./calls.ts";
import { html, type Markup } from "./markup.ts";
import type { Report } from "../model/report.ts";
import { count, LAYERS, LAYERS_IN_ORDER, operationTitle, RESULTS } from "./words.ts";

type Choice = readonly [value: string, title: string];

/** The filter of all calls. It needs the script, which shows it; without one every call is there. */
export function filter(report: Report): Markup {
  const { cells } = report;
  const used = (key: "layers" | "origin" | "operation" | "caller", value: string): boolean =>
    cells.some((cell) => cell[key] === value);
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
