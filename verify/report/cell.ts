import { html, type Markup } from "./markup.ts";
import type { Cell, Outcome } from "../model/report.ts";
import { anchorOf, DECIDED_BY } from "./words.ts";

/**
 * A call in a grid: status and who decided, as shape and in words, and a link to its request and answer. A call that
 * differs says what was expected; one that was not made says so.
 */
export function cellLink(cell: Cell, { withCode }: { readonly withCode: boolean }): Markup {
  const { actual, expected, result, id, heldByOneLayer } = cell;
  const kind = `${actual?.refusedBy ?? "none"}${result === "different" ? " different" : ""}`;
  const [first, second] = actual === null ? [] : inTwoLines(actual);
  return html`<a class="cell ${kind}" href="#${anchorOf(id)}"
    >${actual === null ? (result === "different" ? "no answer" : "not checked") : html`<span class="status">${icon(actual.refusedBy)}${first}</span> ${second}`}${withCode && actual?.code != null ? html` <code>${actual.code}</code>` : null}${
      result === "different" ? html` <span class="flag">differs: expected ${shortly(expected)}</span>` : null
    }${heldByOneLayer ? html` <span class="flag">one layer only</span>` : null}</a
  >`;
}

function inTwoLines({ status, refusedBy }: Outcome): readonly [string | number, string] {
  return status === null ? [DECIDED_BY[refusedBy], "no token"] : [status, DECIDED_BY[refusedBy]];
}

function shortly({ status, refusedBy, code }: Outcome): string {
  return [status, DECIDED_BY[refusedBy], code].filter((part) => part !== null).join(" ");
}

/** The shapes that tell who decided where there is no colour; defined once for the page, and read by nobody aloud. */
export function icon(kind: Outcome["refusedBy"]): Markup {
  return html`<svg class="icon" aria-hidden="true"><use href="#icon-${kind}" /></svg>`;
}

export const icons: Markup = html`<svg class="icons" aria-hidden="true" width="0" height="0">
  <symbol id="icon-nobody" viewBox="0 0 16 16"><path d="M2 8h11M9 4l4 4-4 4" /></symbol>
  <symbol id="icon-network" viewBox="0 0 16 16"><path d="M2 3h12v10H2zM2 8h12M8 3v5M5 8v5M11 8v5" /></symbol>
  <symbol id="icon-application" viewBox="0 0 16 16"><path d="M8 2l5 2v4c0 3-2 5-5 6-3-1-5-3-5-6V4z" /></symbol>
  <symbol id="icon-host" viewBox="0 0 16 16"><path d="M3 7h10v7H3zM5 7V5a3 3 0 0 1 6 0v2" /></symbol>
  <symbol id="icon-identity-provider" viewBox="0 0 16 16">
    <path d="M8 5a3 3 0 1 1-6 0 3 3 0 0 1 6 0zM7 7l6 6M11 11l2-2" />
  </symbol>
</svg>`;

/** What the shapes and words of a grid mean. */
export const legend: Markup = html`<ul class="legend" aria-label="How a call ended">
  <li><span class="cell nobody">${icon("nobody")} let through</span> reached the operation, whatever it answered</li>
  <li><span class="cell network">${icon("network")} network</span> refused by the access restrictions</li>
  <li><span class="cell application">${icon("application")} application</span> refused by the check of the token</li>
  <li><span class="cell host">${icon("host")} host</span> refused by the Functions host, before any function</li>
  <li><span class="cell identity-provider">${icon("identity-provider")} Entra ID</span> issued no token, so no call</li>
</ul>`;
