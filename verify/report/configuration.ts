import { html, type Markup } from "./markup.ts";
import type { Check, Report } from "../model/report.ts";
import { command, facts } from "./sections.ts";
import { anchorOf, count } from "./words.ts";

/** The deployed configuration: what is as the template says; its findings stand under "What differs". */
export function configuration({ target, checks }: Report): Markup {
  if (checks.length === 0) {
    return html`<p>
      ${
        target.kind === "local"
          ? "Not part of a local verification: there is no deployed configuration to hold against the template."
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

/** A setting that is not as the template says, or that could not be seen: what, why it matters, what mends it. */
export function settingInFull(check: Check): Markup {
  return html`<article class="card${check.result === "not-checked" ? " not-checked" : null}" id="${anchorOf(check.id)}">
    <h4>${check.title}</h4>
    ${factsOf(check)} ${check.mend === null ? null : command(check.mend, "To mend it:")}
  </article> `;
}

function factsOf({ expected, found, why, resource, note, id, result }: Check): Markup {
  return facts({
    Expected: expected,
    Found: found ?? "could not be seen",
    "Why it matters": why,
    Resource: html`<code>${resource}</code>`,
    // Those that were not checked stand under their notes.
    Note: result === "not-checked" ? null : note,
    Id: html`<code>${id}</code>`,
  });
}
