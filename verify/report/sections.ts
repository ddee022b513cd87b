import { html, type Markup, type Part } from "./markup.ts";

/** A part of the page: an entry of its table of contents. */
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

/** What scrolls by itself where the window is narrower; by keyboard too, hence the region in the tab order. */
export function scrollable(label: string, content: Part): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${content}</div>`;
}

/** A table whose rows begin with what they are about. `numbers`: all columns but the first hold numbers. */
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

/** Terms and what they are; one that is null is left out. */
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

/** A command to run, and what it is for; the page's script adds a button that copies it. */
export function command(text: string, purpose?: string): Markup {
  return html`${purpose === undefined ? null : html`<p class="purpose">${purpose}</p>`}
    <pre class="command"><code>${text}</code></pre>`;
}
