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

/** A table that scrolls by itself where the window is narrower; by keyboard too, hence the region in the tab order. */
export function scrollable(label: string, table: Part): Markup {
  return html`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

/** A command to run; the page's script adds a button that copies it. */
export function command(text: string): Markup {
  return html`<pre class="command"><code>${text}</code></pre>`;
}
