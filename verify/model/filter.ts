/**
 * Reads the filter of `--only`: an id or its beginning, part by part, where `*` stands for anything within a part. So
 * `both/get-stock` is every call of that operation with both layers on, and `both/get-*` the same.
 *
 * @param pattern null asks for everything
 * @returns whether the cell or check of an id is asked for
 */
export function matcherOf(pattern: string | null): (id: string) => boolean {
  const wanted = (pattern ?? "").replace(/\/$/, "").split("/").map(partMatcher);
  return (id) => {
    if (pattern === null) return true;
    const parts = id.split("/");
    return wanted.every((matches, i) => matches(parts[i] ?? ""));
  };
}

/** What a person is told who asks for what there is not. */
export function nothingMatches(pattern: string | null, example: string): string {
  return `--only ${pattern ?? ""} matches nothing. An id, or its beginning, with * for anything within a part: ${example}`;
}

function partMatcher(pattern: string): (part: string) => boolean {
  const texts = pattern.split("*").map((text) => text.replace(/[^\w\s]/g, "\\$&"));
  const expression = new RegExp(`^${texts.join(".*")}$`, "i");
  return (part) => expression.test(part);
}
