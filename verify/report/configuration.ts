/** The section on the deployed configuration. */
import { html, type Markup } from "./markup.ts";
import type { Check, Report } from "../model/report.ts";
import { command, facts } from "./sections.ts";
import { anchorOf, count } from "./words.ts";

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
