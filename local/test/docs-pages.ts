import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** A fenced block of a page, and what stands around it. */
export interface Block {
  /** The heading of its section (`##`). */
  readonly section: string;
  /** The paragraph before it, which names the file that it is about. */
  readonly lead: string;
  readonly language: string;
  readonly text: string;
  /** The line of the page that it begins in, from 1. */
  readonly line: number;
}

/** The fenced blocks of a Markdown page, from its top. */
export function blocksOf(page: string): Block[] {
  const blocks: Block[] = [];
  let section = "";
  let paragraph: string[] = [];
  let open:
    { readonly fence: string; readonly language: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of page.split(/\r?\n/).entries()) {
    if (open !== undefined) {
      if (line.trim() === open.fence) {
        const { language, lines, line: begins } = open;
        blocks.push({ section, lead: paragraph.join(" "), language, text: lines.join("\n"), line: begins });
        [open, paragraph] = [undefined, []];
      } else open.lines.push(line);
      continue;
    }
    const [, fence, language = ""] = /^(`{3,})(\S*)/.exec(line) ?? [];
    if (fence !== undefined) open = { fence, language, line: index + 1, lines: [] };
    else if (line.trim() !== "") {
      if (line.startsWith("## ")) section = line.slice(3);
      paragraph.push(line);
    } else if (paragraph.length > 0 && !(paragraph.at(-1) ?? "").endsWith(":")) paragraph = [];
  }
  return blocks;
}

/**
 * Does what a block says to the files of a folder. The paragraph before it says which file, and ends in a colon:
 * "New file `a.ts`:", "Replace `a.ts`:", or "In `a.ts`:" before a `diff`, each hunk of which is found by its lines.
 *
 * @throws Error that names the page's line, where the page and the files no longer fit together
 */
export function applyBlock(block: Block, folder: string): void {
  const [, verb = "", path = ""] = /(New file|Replace|In) `([^`]+)`[^`]*:$/.exec(block.lead) ?? [];
  const wrong = (what: string): Error => new Error(`Line ${block.line} of the page: ${path} ${what}`);
  const file = join(folder, path);
  if (path === "" || (verb === "In") !== (block.language === "diff")) {
    throw wrong('- the paragraph before must end in "New file `path`:", "Replace `path`:", or "In `path`:" for a diff');
  }
  if (existsSync(file) !== (verb !== "New file"))
    throw wrong(verb === "New file" ? "is there already" : "is not there");
  if (verb === "In") {
    let text = `\n${readFileSync(file, "utf8").replaceAll("\r\n", "\n")}`;
    for (const { before, after } of hunksOf(block.text)) {
      const parts = text.split(`\n${before}\n`);
      if (parts.length !== 2) throw wrong(`has these lines ${parts.length - 1} times, not once:\n${before}`);
      text = parts.join(after === "" ? "\n" : `\n${after}\n`);
    }
    writeFileSync(file, text.slice(1));
    return;
  }
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${block.text}\n`);
}

/** Does what blocks say to the files of a folder, in their order. Commands and what they print are left out. */
export function applyBlocks(blocks: readonly Block[], folder: string): void {
  for (const block of blocks) if (["ts", "json", "diff"].includes(block.language)) applyBlock(block, folder);
}

/** The commands by which a reader replaces files. */
export function replacementsOf(blocks: readonly Block[]): string[] {
  return blocks.map(({ text }) => text).filter((text) => text.startsWith("git rm"));
}

/** A diff without line numbers; a line of `@@` parts what is apart in the file. */
function hunksOf(diff: string): { before: string; after: string }[] {
  return diff.split(/^@@.*\n/m).map((hunk) => {
    const lines = hunk.replace(/\n$/, "").split("\n");
    const without = (sign: string): string =>
      lines
        .filter((line) => !line.startsWith(sign))
        .map((line) => line.slice(1))
        .join("\n");
    return { before: without("+"), after: without("-") };
  });
}

/** Whether an output is the one that a page shows: `...` in the page stands for anything. */
export function shows(expected: string): RegExp {
  const parts = expected
    .trim()
    .split("...")
    .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^\\s*${parts.join("[^]*?")}\\s*$`);
}
