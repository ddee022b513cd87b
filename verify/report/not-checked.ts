import { html, type Markup } from "./markup.ts";
import type { Report } from "./report.ts";
import { anchorOf, callerTitle, count, LAYERS, operationTitle, titleOf } from "./words.ts";

/** What was not checked, by the reason for it. */
export function notChecked(report: Report): Markup {
  const calls = report.cells.filter(({ result }) => result === "not-checked");
  const checks = report.checks.filter(({ result }) => result === "not-checked");
  const reasons = Map.groupBy([...calls, ...checks], ({ note }) => note ?? "No reason was given.");
  return html`${
    report.only === null
      ? null
      : html`<p>Whatever does not match <code>${report.only}</code> was left out, and is not listed here.</p>`
  }
  ${
    reasons.size === 0
      ? html`<p>${report.only === null ? "Everything was checked." : "Of what matches, everything was checked."}</p>`
      : [...reasons].map(([reason, things]) => {
          const some = calls.filter((cell) => things.includes(cell));
          const settings = checks.filter((check) => things.includes(check));
          return html`<h3>${reason}</h3>
            ${
              some.length === 0
                ? null
                : html`<details class="group">
                    <summary>${count(some.length, "call")}</summary>
                    <ul>
                      ${some.map(
                        (cell) =>
                          html`<li>
                            <a href="#${anchorOf(cell.id)}"
                              >${operationTitle(report, cell.operation)} from ${titleOf(report.origins, cell.origin)} by
                              ${callerTitle(report, cell)}, ${LAYERS[cell.layers].title.toLowerCase()}</a
                            >
                          </li>`,
                      )}
                    </ul>
                  </details>`
            }
            ${settings.map(
              (check) =>
                html`<article class="unseen" id="${anchorOf(check.id)}">
                  <h4>${check.title}</h4>
                  <dl class="facts">
                    <dt>Expected</dt>
                    <dd>${check.expected}</dd>
                    <dt>Why it matters</dt>
                    <dd>${check.why}</dd>
                    <dt>Resource</dt>
                    <dd><code>${check.resource}</code></dd>
                    <dt>Id</dt>
                    <dd><code>${check.id}</code></dd>
                  </dl>
                </article>`,
            )}`;
        })
  }`;
}
