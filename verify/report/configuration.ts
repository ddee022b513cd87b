/** The sections on the deployed configuration, and on everything that was not checked. */
import type { Cell, Check, Report } from "../model/report.ts";
import { html, type Markup } from "./markup.ts";
import { MOST_CALLS_AT_ONCE } from "./parts.ts";
import { command, facts } from "./sections.ts";
import { anchorOf, callInWords, count } from "./words.ts";

/** Lists the settings that match. Findings are under "What differs". */
export function configuration({ target, checks }: Report): Markup {
  if (checks.length === 0) {
    return html`<p>
      ${
        target.kind === "local"
          ? "Not part of a local verification: there is no deployed configuration to compare with the template."
          : "No setting was checked."
      }
    </p>`;
  }
  const good = checks.filter(({ result }) => result === "as-expected");
  const findings = checks.filter(({ result }) => result === "finding");
  return html`${
    findings.length === 0
      ? html`<p>No setting that could be read differs from the template.</p>`
      : html`<p><a href="#differences">${count(findings.length, "finding")}</a>: see what differs.</p>`
  }
  ${good.length === 0 ? null : html`<h3>As the template says (${good.length})</h3>`}
  ${good.map(
    (check) =>
      html`<details>
        <summary><b>${check.title}</b> <span class="quiet">${check.found ?? check.expected}</span></summary>
        <div class="opened" id="${anchorOf(check.id)}">${factsOf(check)}</div>
      </details> `,
  )}`;
}

/** A finding or an unchecked setting: its values, the risk, and the fix. */
export function settingInFull(check: Check): Markup {
  return html`<article class="card${check.result === "not-checked" ? " not-checked" : null}" id="${anchorOf(check.id)}">
    <h4>${check.title}</h4>
    ${factsOf(check)} ${check.fix === null ? null : command(check.fix, "To fix it:")}
  </article> `;
}

function factsOf({ expected, found, why, resource, note, id, result }: Check): Markup {
  return facts({
    Expected: expected,
    Found: found ?? "could not be read",
    "Why it matters": why,
    Resource: html`<code>${resource}</code>`,
    // Unchecked settings are grouped by their notes.
    Note: result === "not-checked" ? null : note,
    Id: html`<code>${id}</code>`,
  });
}

/** Calls and settings that were not checked, by reason. */
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
    only === null ? null : html`<p>Calls and settings that do not match <code>${only}</code> are not listed.</p>`
  }
  ${reasons.length > 0 ? null : html`<p>${only === null ? "Everything was checked." : "Every match was checked."}</p>`}
  ${reasons.map(
    (reason) =>
      html`<h3>${reason}</h3>
        ${callsNotMade(report, calls.get(reason) ?? [])} ${(settings.get(reason) ?? []).map(settingInFull)}`,
  )}`;
}

function callsNotMade(report: Report, cells: readonly Cell[]): Markup | null {
  if (cells.length === 0) return null;
  if (report.cells.length > MOST_CALLS_AT_ONCE) return html`<p>${count(cells.length, "call")}: see the matrix.</p>`;
  return html`<details class="group">
    <summary>${count(cells.length, "call")}</summary>
    <ul>
      ${cells.map((cell) => html`<li><a href="#${anchorOf(cell.id)}">${callInWords(report, cell)}</a></li>`)}
    </ul>
  </details>`;
}
