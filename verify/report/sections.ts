/** Building blocks of the page's sections. */
import { html, type Markup, type Part } from "./markup.ts";

/** An entry of the table of contents. */
export interface Section {
  readonly id: string;
  readonly title: string;
  readonly body: Part;
}

export function sectionOf({ id, title, body }: Section): Markup {
  return html`<section id="${id}" aria-labelledby="${id}-title">
    <h2 id="${id}-title">${title}</h2>
    ${body}
  </section> `;
}

/** Scrolls in a narrow window. The tab order contains it, for the keyboard. */
export function scrollable(label: string, content: Part): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
}

/** A table whose first column is the row's heading. `numbers`: all other columns contain numbers. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly Part[])[],
  kind?: "numbers",
): Markup {
  return scrollable(
    caption,
    html`<table class="plain${kind === undefined ? null : ` ${kind}`}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${head.map((title) => html`<th scope="col">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...rest]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${rest.map((part) => html`<td>${part}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>`,
  );
}

/** Terms and their values. Null values are omitted. */
export function facts(entries: Readonly<Record<string, Part>>): Markup {
  return html`<dl class="facts">
    ${Object.entries(entries).map(([term, part]) =>
      part === null
        ? null
        : html`<dt>${term}</dt>
            <dd>${part}</dd> `,
    )}
  </dl>`;
}

/** A command and its purpose. The page's script adds a copy button. */
export function command(text: string, purpose?: string): Markup {
  return html`${purpose === undefined ? null : html`<p class="purpose">${purpose}</p>`}
    <pre class="command"><code>${text}</code></pre>`;
}
