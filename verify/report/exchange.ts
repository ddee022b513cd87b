import { content, html, type Markup } from "./markup.ts";
import type { Exchange } from "../model/report.ts";

/** A request and its answer as they went over the wire, and what the token says. */
export function exchange({ request, response }: Exchange): Markup {
  const { method, url, headers, token, body } = request;
  const sent = html`<b>${method} ${url}</b>${lines(headers)}${body === null ? null : ["\n\n", indented(body)]}`;
  return html`<div class="exchange">
    <div>
      <p class="part">Request</p>
      <pre>${sent}</pre>
    </div>
    <div>
      <p class="part">Answer</p>
      ${response === null ? html`<p>None came.</p>` : answer(response)}
    </div>
    ${
      token === null
        ? null
        : html`<div class="token">
            <p class="part">Token, without its signature</p>
            <pre>${content(JSON.stringify(token.header))}${"\n"}${members(token.claims)}</pre>
          </div>`
    }
  </div>`;
}

function answer({ status, headers, body }: NonNullable<Exchange["response"]>): Markup {
  return html`<pre><b>${status}</b>${lines(headers)}${body === "" ? null : ["\n\n", indented(body)]}</pre>`;
}

function lines(headers: Readonly<Record<string, string>>): Markup[] {
  return Object.entries(headers).map(([name, value]) => content(`\n${name}: ${value}`));
}

/** JSON on several lines where it is JSON. */
function indented(body: string): Markup {
  try {
    return content(JSON.stringify(JSON.parse(body), null, 2));
  } catch {
    return content(body.trimEnd());
  }
}

/** An object with one member on a line, times also as dates. */
function members(value: unknown): Markup {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return content(JSON.stringify(value));
  const entries = Object.entries(value as Record<string, unknown>);
  const lines = entries.map(([name, member], i) => [
    content(`\n  ${JSON.stringify(name)}: ${JSON.stringify(member)}${i < entries.length - 1 ? "," : ""}`),
    date(name, member),
  ]);
  return html`${"{"}${lines}${"\n}"}`;
}

function date(name: string, member: unknown): Markup | null {
  if (!TIMES.has(name) || typeof member !== "number") return null;
  const time = new Date(member * 1000);
  return Number.isNaN(time.getTime()) ? null : html` <i>${time.toISOString().replace(".000", "")}</i>`;
}

/** Claims that hold seconds since 1970 (RFC 7519 section 2, NumericDate). */
const TIMES: ReadonlySet<string> = new Set(["exp", "iat", "nbf"]);
