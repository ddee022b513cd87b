/** Markup that is safe to write into the page: made by `html` and `raw` only. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** What may stand in a `html` template: markup goes in as it is, all else escaped; null, undefined and false are nothing. */
export type Part = Markup | string | number | null | undefined | false | readonly Part[];

/**
 * A template whose values are escaped, so that no string of a report can become markup, in text and in quoted
 * attributes. The template's own indentation is not part of the page: what stands in a `<pre>` comes in as a value.
 */
export function html(texts: TemplateStringsArray, ...parts: readonly Part[]): Markup {
  return new Markup(texts.map((text, i) => text.replace(/\s*\n\s*/g, "\n") + textOf(parts[i])).join(""));
}

/** A text between tags, where quotes stand as they are: JSON is full of them. Never for an attribute. */
export function content(text: string): Markup {
  return new Markup(visible(text).replace(/[&<>]/g, (character) => ENTITIES[character] ?? ""));
}

/** Markup of our own, written down by hand: a style sheet, a script. Never a report's. */
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
 * Control characters and those that turn the direction of writing, as their code points: what is read is what was sent.
 * A NUL would be dropped by the parser, and an override could show a host name backwards (Unicode TR 36).
 */
function visible(text: string): string {
  return text.replace(
    // eslint-disable-next-line no-control-regex -- these are what is looked for
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
