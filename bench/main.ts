import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, shortfalls, toMarkdown, writeIntoDocs } from "./report.ts";

const benches: Readonly<Record<string, () => Promise<{ readonly bench: Bench }>>> = {
  authorization: () => import("./authorization.ts"),
  client: () => import("./client.ts"),
  "cold-start": () => import("./cold-start.ts"),
};

const USAGE = `Usage: npm run bench -- <${Object.keys(benches).join("|")}> [--check] [--write]

Measures side by side in one run, and prints medians and ratios.

  --check   exit with 1, naming each ratio that falls short of what it must reach
  --write   write the table into docs/benchmarks.md
  --help    show this text`;

const docs = join(import.meta.dirname, "..", "docs", "benchmarks.md");

async function main(): Promise<void> {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { check: { type: "boolean" }, write: { type: "boolean" }, help: { type: "boolean", short: "h" } },
  });
  const name = positionals[0] ?? "";
  if (values.help === true) {
    console.log(USAGE);
    return;
  }
  const load = benches[name];
  if (load === undefined) throw new Error(`There is no benchmark '${name}'.\n\n${USAGE}`);
  const { bench } = await load();
  const report = await bench((line) => {
    console.error(line);
  });
  const markdown = toMarkdown(report);
  console.log(markdown);
  if (values.write === true) await writeIntoDocs(docs, name, markdown);
  if (values.check !== true) return;
  for (const line of shortfalls(report)) {
    console.error(`Falls short - ${line}`);
    process.exitCode = 1;
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
