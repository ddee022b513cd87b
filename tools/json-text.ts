/** Parses JSON with the places in the text: of each mistake, and of each member. */

export interface JsonText {
  /** Undefined if the text is not valid JSON. */
  readonly value: unknown;
  /** Each as `line:column: mistake`, counted from 1: the first syntax error, and duplicate members. */
  readonly mistakes: readonly string[];
}

/**
 * Parses JSON as `JSON.parse` does, but reports the place of every mistake, which `JSON.parse` does for a few only. A
 * duplicate member is a mistake, too: `JSON.parse` uses the last one without an error.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8259
 */
export function parseJsonText(text: string): JsonText {
  const mistakes: string[] = [];
  const note = (at: number, what: string): void => {
    const lines = text.slice(0, at).split("\n");
    mistakes.push(`${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}: ${what}`);
  };
  try {
    read(text, (at, name) => {
      note(at, `the member ${name} appears twice`);
    });
    return { value: JSON.parse(text), mistakes };
  } catch (error) {
    if (!(error instanceof NotJsonError)) throw error;
    const found = /^\S+/.exec(text.slice(error.at, error.at + 20))?.[0] ?? "the end of the file";
    note(error.at, `expected ${error.expected}, found ${found}`);
    return { value: undefined, mistakes };
  }
}

/** The names of the members, and the indexes of the items, from the outermost one to a value. */
export type JsonPath = readonly (string | number)[];

/**
 * The line of a value in JSON text, where its member's name or the item begins. If the text has no such value, the line of the
 * innermost value around it that is there.
 *
 * @returns counted from 1
 * @throws Error if the text is not JSON
 */
export function lineOfPath(text: string, path: JsonPath): number {
  let deepest = { depth: 0, at: 0 };
  read(
    text,
    () => undefined,
    (at, found) => {
      const isOnTheWay = found.every((part, i) => part === path[i]);
      if (isOnTheWay && found.length > deepest.depth) deepest = { depth: found.length, at };
    },
  );
  return text.slice(0, deepest.at).split("\n").length;
}

class NotJsonError extends Error {
  readonly at: number;
  readonly expected: string;

  constructor(at: number, expected: string) {
    super(`expected ${expected}`);
    this.at = at;
    this.expected = expected;
  }
}

const SPACE = /[ \t\r\n]*/y;
const STRING = String.raw`"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"`;
const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const TOKEN = new RegExp(`[{}[\\]:,]|${STRING}|${NUMBER}|true|false|null`, "y");

/**
 * @param onPart is told of each member and item, before those within it
 * @throws NotJsonError at the first place that is not JSON
 */
function read(
  text: string,
  onDuplicate: (at: number, name: string) => void,
  onPart: (at: number, path: JsonPath) => void = () => undefined,
): void {
  let at = 0;
  const match = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0] ?? "";
  };
  const peek = (): string => {
    at += match(SPACE).length;
    return match(TOKEN);
  };
  const take = (expected: string, isExpected: (token: string) => boolean): string => {
    const token = peek();
    if (token === "" || !isExpected(token)) throw new NotJsonError(at, expected);
    at += token.length;
    return token;
  };
  /** Reads the parts of an object or an array, up to its end. */
  const list = (end: "}" | "]", part: () => void): void => {
    if (peek() !== end) {
      do part();
      while (take(`"," or "${end}"`, (token) => token === "," || token === end) === ",");
    } else at++;
  };
  const value = (path: JsonPath): void => {
    const token = take("a value", (found) => !/^[}\]:,]/.test(found));
    if (token === "[") {
      let index = 0;
      list("]", () => {
        peek(); // Moves to the item.
        onPart(at, [...path, index]);
        value([...path, index++]);
      });
    }
    if (token !== "{") return;
    const names = new Set<unknown>();
    list("}", () => {
      const name = take("a member's name", (found) => found.startsWith('"'));
      const parsed = JSON.parse(name) as string;
      if (names.has(parsed)) onDuplicate(at - name.length, name);
      names.add(parsed);
      onPart(at - name.length, [...path, parsed]);
      take('":"', (found) => found === ":");
      value([...path, parsed]);
    });
  };
  value([]);
  if (peek() !== "" || at < text.length) throw new NotJsonError(at, "the end of the file");
}
