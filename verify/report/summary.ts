import { html, type Markup } from "./markup.ts";
import type { Cell, Check, Report, Target } from "./report.ts";
import { scrollable } from "./sections.ts";
import { count, duration, instant, LAYERS, LAYERS_IN_ORDER } from "./words.ts";

/** The verdict in a word. */
export const VERDICTS = { passed: "Passed", failed: "Failed", incomplete: "Incomplete" } as const;

/** The verdict in words, what was verified, and how it divides. */
export function summary(report: Report): Markup {
  const { verdict } = report;
  return html`<header class="verdict ${verdict}">
      <p class="kicker">Verification of restricted inter-service communications</p>
      <h1>${VERDICTS[verdict]}<span class="target">: ${targetTitle(report.target)}</span></h1>
      <p class="lead">${reason(report)}</p>
      <p>${reach(report)}</p>
    </header>
    ${facts(report)} ${tally(report)}`;
}

export function targetTitle(target: Target): string {
  return target.kind === "local" ? "the local system" : `deployment ${target.environment}`;
}

/** Why the verdict is what it is. */
export function reason({ verdict, cells, checks, only }: Report): string {
  const all = both(cells.length, checks.length);
  const calls = (result: Cell["result"]): string => share(number(cells, result), cells.length, "call");
  const settings = (result: Check["result"]): string => share(number(checks, result), checks.length, "setting");
  const open = and(calls("not-checked"), settings("not-checked"));
  switch (verdict) {
    case "passed":
      return `All ${all} are as the access policy and the templates promise.`;
    case "failed": {
      const rest = open === "" ? "" : ` Not checked: ${open}.`;
      return `${and(calls("different"), settings("finding"))} differ from what was promised.${rest}`;
    }
    case "incomplete":
      if (all === "") return "Nothing was verified.";
      return [
        "Nothing that was checked differs, but not everything was checked:",
        open === "" ? "" : `${open} could not be.`,
        only === null ? "" : `only what matches “${only}” was verified (${all}).`,
      ]
        .filter((part) => part !== "")
        .join(" ");
  }
}

/** What a reader may and may not conclude. */
function reach({ target }: Report): string {
  return target.kind === "local"
    ? "Real calls, with really signed tokens, to the unchanged apps. Entra ID, the front end with its access " +
        "restrictions, and storage are local stand-ins: this says nothing about the state of any Azure subscription."
    : "Real calls to the deployed apps, and the deployed configuration held against the template, at the time stated. " +
        "Whoever may change the configuration or the directory can change the result afterwards.";
}

function facts(report: Report): Markup {
  const { target, commit } = report;
  return html`<dl class="facts columns">
    ${
      target.kind === "local"
        ? null
        : html`<div>
              <dt>Environment</dt>
              <dd>${target.environment}</dd>
            </div>
            <div>
              <dt>Resource group</dt>
              <dd>${target.resourceGroup}</dd>
            </div>
            <div>
              <dt>Subscription</dt>
              <dd><code>${target.subscriptionId}</code></dd>
            </div>
            <div>
              <dt>Tenant</dt>
              <dd><code>${target.tenantId}</code></dd>
            </div>`
    }
    <div>
      <dt>Date</dt>
      <dd><time datetime="${report.startedAt}">${instant(report.startedAt)}</time></dd>
    </div>
    <div>
      <dt>Duration</dt>
      <dd>${duration(report.durationSeconds)}</dd>
    </div>
    <div>
      <dt>Commit</dt>
      <dd>
        ${
          commit === null
            ? "not known: this is not a git checkout"
            : html`<code>${commit.id}</code>${commit.changed ? ", with changes that are not committed" : ", unchanged"}`
        }
      </dd>
    </div>
    <div>
      <dt>Verified</dt>
      <dd>${report.only === null ? "everything" : html`only <code>${report.only}</code>`}</dd>
    </div>
  </dl>`;
}

function tally(report: Report): Markup {
  const calls = (name: string, of: Report["cells"]) => ({
    name,
    good: number(of, "as-expected"),
    bad: number(of, "different"),
    open: number(of, "not-checked"),
  });
  const rows = [
    ...LAYERS_IN_ORDER.map((layers) =>
      calls(
        `Matrix: ${LAYERS[layers].title.toLowerCase()}`,
        report.cells.filter((cell) => cell.layers === layers && cell.attack === null),
      ),
    ),
    calls(
      "Attack catalogue",
      report.cells.filter((cell) => cell.attack !== null),
    ),
    {
      name: "Configuration",
      good: number(report.checks, "as-expected"),
      bad: number(report.checks, "finding"),
      open: number(report.checks, "not-checked"),
    },
  ].filter(({ good, bad, open }) => good + bad + open > 0);
  if (rows.length === 0) return html``;
  return scrollable(
    "Results by part",
    html`<table class="tally">
      <caption>
        Results by part
      </caption>
      <thead>
        <tr>
          <th scope="col">Part</th>
          <th scope="col">As expected</th>
          <th scope="col">Differs</th>
          <th scope="col">Not checked</th>
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ({ name, good, bad, open }) =>
            html`<tr>
              <th scope="row">${name}</th>
              <td>${good}</td>
              <td class="${bad > 0 ? "bad" : ""}">${bad}</td>
              <td class="${open > 0 ? "open" : ""}">${open}</td>
            </tr>`,
        )}
      </tbody>
    </table>`,
  );
}

function number(things: readonly { readonly result: string }[], result: string): number {
  return things.filter((thing) => thing.result === result).length;
}

/** "594 calls and 41 settings"; empty for neither. */
function both(calls: number, settings: number): string {
  return and(calls === 0 ? "" : count(calls, "call"), settings === 0 ? "" : count(settings, "setting"));
}

/** "3 of 594 calls"; empty for none. */
function share(some: number, all: number, one: string): string {
  return some === 0 ? "" : `${some.toLocaleString("en-GB")} of ${count(all, one)}`;
}

function and(...parts: readonly string[]): string {
  return parts.filter((part) => part !== "").join(" and ");
}
