/** local.settings.json, as Core Tools read it. */
import { readFileSync } from "node:fs";

/** Sections beside `Values` are for Core Tools, and not checked here. */
export interface LocalSettings {
  readonly IsEncrypted?: false;
  readonly Values: Readonly<Record<string, string>>;
  readonly [section: string]: unknown;
}

/**
 * Reads a local.settings.json. Like Core Tools, it accepts comments and trailing commas.
 *
 * @throws Error that says what is wrong and where, without the file's content, which may be a secret
 */
export function readLocalSettings(file: string): LocalSettings {
  const content = parseWithComments(readFileSync(file, "utf8"), file);
  const fail = (what: string): never => {
    throw new Error(`${file}: ${what}`);
  };
  if (!isObject(content)) return fail("a JSON object is expected.");
  const { IsEncrypted, Values = {}, ...others } = content;
  if (IsEncrypted === true) {
    return fail(`the settings are encrypted, which only Core Tools can read: run "func settings decrypt" beside it.`);
  }
  if (!isObject(Values)) return fail(`"Values" must be an object of names and strings.`);
  const values = Object.entries(Values).map(([name, value]) => {
    // Core Tools take these as text, too.
    if (typeof value === "number" || typeof value === "boolean") return [name, String(value)] as const;
    return typeof value === "string" ? ([name, value] as const) : fail(`the value of ${name} must be a string.`);
  });
  return { ...others, IsEncrypted: false, Values: Object.fromEntries(values) };
}

function parseWithComments(text: string, file: string): unknown {
  const blank = (part: string): string => part.replace(/[^\r\n]/g, " ");
  const plain = text
    .replace(/^\uFEFF/, "")
    .replace(/"(?:\\.|[^"\\])*"|\/\/[^\r\n]*|\/\*[^]*?\*\//g, (part) => (part.startsWith('"') ? part : blank(part)))
    .replace(/"(?:\\.|[^"\\])*"|,(?=\s*[}\]])/g, (part) => (part.startsWith('"') ? part : " "));
  try {
    return JSON.parse(plain);
  } catch (error) {
    // The parser's message quotes the text, which may be a secret: only the place goes into the error.
    const place = /\(line \d+ column \d+\)/.exec(String(error))?.[0];
    // eslint-disable-next-line preserve-caught-error -- for the same reason
    throw new Error(`${file} is not valid JSON${place === undefined ? "" : ` ${place}`}.`);
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
