import { html, type Markup } from "./markup.ts";
import type { Check, Report } from "./report.ts";
import { command } from "./sections.ts";
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
      html`<details class="call">
        <summary>
          <span class="who">${check.title}</span> <span class="what">${check.found ?? check.expected}</span>
        </summary>
        <div class="opened" id="${anchorOf(check.id)}">${facts(check)}</div>
      </details> `,
  )}`;
}

/** A setting that is not as the template says: what, why it matters, and the command that mends it. */
export function finding(check: Check): Markup {
  return html`<article class="finding" id="${anchorOf(check.id)}">
    <h4>${check.title}</h4>
    ${facts(check)}
    ${
      check.mend === null
        ? null
        : html`<p class="again">To mend it:</p>
            ${command(check.mend)}`
    }
  </article> `;
}

function facts({ expected, found, why, resource, note, id }: Check): Markup {
  return html`<dl class="facts">
    <dt>Expected</dt>
    <dd>${expected}</dd>
    <dt>Found</dt>
    <dd>${found ?? "could not be seen"}</dd>
    <dt>Why it matters</dt>
    <dd>${why}</dd>
    <dt>Resource</dt>
    <dd><code>${resource}</code></dd>
    ${
      note === null
        ? null
        : html`<dt>Note</dt>
            <dd>${note}</dd>`
    }
    <dt>Id</dt>
    <dd><code>${id}</code></dd>
  </dl>`;
}
