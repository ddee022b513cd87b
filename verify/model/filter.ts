/** The filter of `--only`. */

/** No id matches the filter. The message shows an id. */
export class NothingMatchesError extends Error {
  override readonly name = "NothingMatchesError";

  constructor(pattern: string | null, example: string) {
    super(
      `--only ${pattern ?? ""} matches nothing. An id, or its beginning, with * for anything within a part: ${example}`,
    );
  }
}

/**
 * Reads a filter: an id or its beginning, part by part. `*` stands for anything within a part. So `both/health` is every
 * call of that operation with both layers on.
 *
 * @param pattern null matches everything
 */
export function matcherOf(pattern: string | null): (id: string) => boolean {
  const wanted = (pattern ?? "").replace(/\/$/, "").split("/").map(partMatcher);
  return (id) => {
    if (pattern === null) return true;
    const parts = id.split("/");
    return wanted.every((matches, i) => matches(parts[i] ?? ""));
  };
}

function partMatcher(pattern: string): (part: string) => boolean {
  const texts = pattern.split("*").map((text) => text.replace(/[^\w\s]/g, "\\$&"));
  const expression = new RegExp(`^${texts.join(".*")}$`, "i");
  return (part) => expression.test(part);
}
