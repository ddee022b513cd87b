import { settingInFull } from "./configuration.ts";
import { html, type Markup } from "./markup.ts";
import type { Cell, Report } from "../model/report.ts";
import { anchorOf, callInWords, count } from "./words.ts";

/** What was not checked, by the reason for it. */
export function notChecked(report: Report): Markup {
  const { only, cells, checks } = report;
  const open = <T extends { result: string; note: string | null }>(things: readonly T[]): Map<string, T[]> =>
    Map.groupBy(
      things.filter(({ result }) => result === "not-checked"),
      ({ note }) => note ?? "No reason was given.",
    );
  const [calls, settings] = [open(cells), open(checks)];
  const reasons = [...new Set([...calls.keys(), ...settings.keys()])];
  return html`${
    only === null
      ? null
      : html`<p>Whatever does not match <code>${only}</code> was left out, and is not listed here.</p>`
  }
  ${
    reasons.length > 0
      ? null
      : html`<p>${only === null ? "Everything was checked." : "Of what matches, everything was checked."}</p>`
  }
  ${reasons.map(
    (reason) =>
      html`<h3>${reason}</h3>
        ${callsNotMade(report, calls.get(reason) ?? [])} ${(settings.get(reason) ?? []).map(settingInFull)}`,
  )}`;
}

function callsNotMade(report: Report, cells: readonly Cell[]): Markup | null {
  if (cells.length === 0) return null;
  return html`<details class="group">
    <summary>${count(cells.length, "call")}</summary>
    <ul>
      ${cells.map((cell) => html`<li><a href="#${anchorOf(cell.id)}">${callInWords(report, cell)}</a></li>`)}
    </ul>
  </details>`;
}
