/** The refusal codes of the guard, with cause and remedy, as docs/authorization.md lists them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { placeOf, textLine } from "../../tools/source-lines.ts";

const PAGE = "docs/authorization.md";
const root = join(import.meta.dirname, "..", "..");

export interface RefusalCodeRow {
  /** The HTTP status. */
  readonly status: number;
  readonly cause: string;
  readonly remedy: string;
  /** The row, as file and line. */
  readonly place: string;
}

/** @throws Error for a code without a row */
export function refusalCodeRow(code: string): RefusalCodeRow {
  const { file, line } = textLine(PAGE, "## Refusal codes", `| \`${code}\` `);
  const row = readFileSync(join(root, file), "utf8").split("\n")[line - 1] ?? "";
  const [, , status = "", cause = "", remedy = ""] = row.split(/(?<!\\)\|/).map((cell) => withoutLinks(cell.trim()));
  return { status: Number.parseInt(status, 10), cause, remedy, place: placeOf({ file, line }) };
}

function withoutLinks(markdown: string): string {
  return markdown.replace(/\[([^\]]*)\]\([^)]*\)/g, "$1").replaceAll("`", "");
}
