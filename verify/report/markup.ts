/** HTML templates with escaping. */

/** Markup that is safe to write into the page. Only `html`, `content` and `raw` make it. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A value of a `html` template. Markup is not escaped. Null, undefined and false are omitted. */
export type Part = Markup | string | number | null | undefined | false | readonly Part[];

/**
 * A template that escapes its values, for text and quoted attributes. Its indentation is not part of the page, so the content of
 * a `<pre>` must be a value.
 */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(texts.map((text, i) => text.replace(/\s*\n\s*/g, "\n") + textOf(parts[i])).join(""));
}

/** A text between tags, without escaped quotes: JSON has many. Never for an attribute. */
export function content(text: string): Markup {
  return new Markup(visible(text).replace(/[&<>]/g, (character) => ENTITIES[character] ?? ""));
}

/** Markup of this folder, such as a style sheet or script. Never a string of a report. */
export function raw(text: string): Markup {
  return new Markup(text);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function textOf(part: Part): string {
  if (part === null || part === undefined || part === false) return "";
  if (part instanceof Markup) return part.text;
  if (typeof part === "object") return part.map(textOf).join("");
  return visible(String(part)).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? "");
}

/**
 * Shows control characters and direction overrides as code points. A parser drops a NUL, and an override could show a host
 * name backwards (Unicode TR 36).
 */
function visible(text: string): string {
  return text.replace(
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
