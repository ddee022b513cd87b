/** The head of the page: status, provenance and results by part. */
import { html, type Markup, type Part } from "./markup.ts";
import {
  type Cell,
  type Check,
  type Commit,
  type Layers,
  type Report,
  type Target,
  LAYERS_IN_ORDER,
} from "../model/report.ts";
import { table } from "./sections.ts";
import { count, duration, instant, LAYERS } from "./words.ts";

/** The status in a word. */
export const STATUSES = { passed: "Passed", failed: "Failed", incomplete: "Incomplete" } as const;

const COLOURS = { passed: "good", failed: "bad", incomplete: "open" } as const;

/** Status, provenance and results by part. */
export function summary(report: Report): Markup {
  const { status } = report;
  return html`<header class="report-status ${COLOURS[status]}">
      <p class="quiet">Verification of restricted inter-service communications</p>
      <h1><b class="${COLOURS[status]}">${STATUSES[status]}</b>: ${targetTitle(report.target)}</h1>
      <p class="lead">${reason(report)}</p>
      <p>${reach(report)}</p>
    </header>
    ${provenance(report)} ${tally(report)}`;
}

export function targetTitle(target: Target): string {
  return target.kind === "local" ? "the local system" : `deployment ${target.environment}`;
}

/** The reason for the status. */
export function reason({ status, cells, checks, only }: Report): string {
  const all = both(cells.length, checks.length);
  const calls = (result: Cell["result"]): string => share(number(cells, result), cells.length, "call");
  const settings = (result: Check["result"]): string => share(number(checks, result), checks.length, "setting");
  const open = and(
    share(unchecked(cells, false), cells.length, "call"),
    share(unchecked(checks, false), checks.length, "setting"),
  );
  const left = and(
    share(unchecked(cells, true), cells.length, "call"),
    share(unchecked(checks, true), checks.length, "setting"),
  );
  const leftOut = left === "" ? "" : `--read-only leaves out ${left}.`;
  switch (status) {
    case "passed":
      return `All ${all} match the access policy and the templates.`;
    case "failed": {
      const differing = `${and(calls("different"), settings("finding"))} differ from the access policy or the templates.`;
      return [differing, open === "" ? "" : `Not checked: ${open}.`, leftOut].filter((part) => part !== "").join(" ");
    }
    case "incomplete":
      if (all === "") return "Nothing was verified.";
      return [
        "Nothing that was checked differs, but not everything was checked:",
        open === "" ? "" : `${open} could not be.`,
        leftOut,
        only === null ? "" : `only what matches “${only}” was verified (${all}).`,
      ]
        .filter((part) => part !== "")
        .join(" ");
  }
}

/** What a reader may and may not conclude. */
function reach({ target }: Report): string {
  return target.kind === "local"
    ? `Real calls, with really signed tokens, to the unchanged apps${target.system === "own" ? "" : ", as they were running"}. ` +
        "Entra ID, the front end with its access restrictions, and storage are local stand-ins: this says nothing about " +
        "the state of any Azure subscription."
    : "Real calls to the deployed apps, and the deployed configuration held against the template, at the time stated. " +
        "Whoever may change the configuration or the directory can change the result afterwards.";
}

function provenance({ target, startedAt, durationSeconds, commit, only }: Report): Markup {
  const entries: [string, Part][] = [
    ["Date", html`<time datetime="${startedAt}">${instant(startedAt)}</time>`],
    ["Duration", duration(durationSeconds)],
    ["Verified", only === null ? "everything" : html`only <code>${only}</code>`],
    [
      "Commit",
      target.kind === "local" && target.system === "running" ? whileRunning(target.commit, commit) : at(commit),
    ],
  ];
  if (target.kind === "deployment") {
    entries.push(
      ["Resource group", target.resourceGroup],
      ["Subscription", html`<code>${target.subscriptionId}</code>`],
      ["Tenant", html`<code>${target.tenantId}</code>`],
    );
  }
  return html`<dl class="provenance">
    ${entries.map(
      ([term, part]) =>
        html`<div>
          <dt>${term}</dt>
          <dd>${part}</dd>
        </div> `,
    )}
  </dl>`;
}

/** The code of a system that ran already is known only if nothing has changed, in its checkout, since its start. */
function whileRunning(started: Commit | null, now: Commit | null): Part {
  const isSame = started !== null && now !== null && started.id === now.id && !started.changed && !now.changed;
  if (isSame) return at(started);
  return html`when the system was started: ${at(started)}; when it was verified: ${at(now)}. What ran may be other code
  than either`;
}

function at(commit: Commit | null): Part {
  if (commit === null) return "not known: this is not a git checkout";
  return html`<code>${commit.id}</code>${commit.changed ? ", with changes that are not committed" : ", unchanged"}`;
}

function tally({ cells, checks }: Report): Markup | null {
  const attacks = cells.filter(({ attack }) => attack !== null);
  const ofLayers = (layers: Layers): Cell[] => cells.filter((cell) => cell.layers === layers && cell.attack === null);
  const parts: [string, readonly (Cell | Check)[]][] = [
    ...LAYERS_IN_ORDER.map((layers): [string, Cell[]] => [
      `Matrix: ${LAYERS[layers].title.toLowerCase()}`,
      ofLayers(layers),
    ]),
    ["Attack catalogue", attacks],
    ["Configuration", checks],
  ];
  const rows = parts
    .filter(([, things]) => things.length > 0)
    .map(([name, things]) => {
      const bad = number(things, "different") + number(things, "finding");
      const open = number(things, "not-checked");
      return [
        name,
        number(things, "as-expected"),
        bad === 0 ? bad : html`<b class="bad">${bad}</b>`,
        open === 0 ? open : html`<b class="open">${open}</b>`,
      ];
    });
  if (rows.length === 0) return null;
  return table("Results by part", ["Part", "As expected", "Differs", "Not checked"], rows, "numbers");
}

function number(things: readonly { readonly result: string }[], result: string): number {
  return things.filter((thing) => thing.result === result).length;
}

function unchecked(things: readonly (Cell | Check)[], isLeftOut: boolean): number {
  return things.filter(({ result, leftOut }) => result === "not-checked" && (leftOut === true) === isLeftOut).length;
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
