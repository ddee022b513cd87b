/** The command `npm run bench`. */
import { dirname, join } from "node:path";
import type { ServiceBenches } from "@restricted-calls/shared/contract-bench";
import { command, UsageError } from "../tools/command-line.ts";
import { requireWritable, writeFile } from "../tools/write-file.ts";
import { SYSTEM_BENCHES } from "../tools/contract-mistakes.ts";
import { contracts } from "../tools/contracts.ts";
import { comparisonsIn, draw, keptInPage } from "./picture.ts";
import { shortfalls, toMarkdown, withSection } from "./report.ts";

/** Benchmarks of the system. */
const ofSystem: Readonly<Record<(typeof SYSTEM_BENCHES)[number], ServiceBenches[string]>> = {
  authorization: () => import("./authorization.ts"),
  client: () => import("./client.ts"),
  delivery: () => import("./delivery.ts"),
  growth: () => import("./growth.ts"),
  "cold-start": () => import("./cold-start.ts"),
};

/** With those of the services, which their contracts name. */
const benches: ServiceBenches = Object.values(contracts).reduce((all, { bench }) => ({ ...all, ...bench }), ofSystem);

const USAGE = `Usage: npm run bench -- <${Object.keys(benches).join("|")}> [--check] [--write]

Measures candidates side by side in one run, and prints typical durations and ratios.

  --check   exit with 1 if a ratio misses its limit, and print each of them
  --write   write the table into docs/benchmarks.md, and draw docs/benchmarks.svg
  --help    show this text`;

const docs = join(import.meta.dirname, "..", "docs", "benchmarks.md");
const picture = join(dirname(docs), "benchmarks.svg");

await command(
  USAGE,
  { allowPositionals: true, options: { check: { type: "boolean" }, write: { type: "boolean" } } },
  async ({ positionals, values }) => {
    const [name = "", ...others] = positionals;
    const load = benches[name];
    if (load === undefined || others.length > 0) {
      throw new UsageError(`Name one benchmark: ${Object.keys(benches).join(", ")}. --help shows the usage.`);
    }
    if (values.write === true) await requireWritable(dirname(docs));
    const { bench } = await load();
    const report = await bench((line) => {
      console.error(line);
    });
    const markdown = toMarkdown(report);
    console.log(markdown);
    if (values.write === true) {
      const kept = report.pictured === undefined ? "" : `\n\n${keptInPage(report.pictured)}`;
      const page = await withSection(docs, name, `${markdown}${kept}`);
      const drawing = draw(comparisonsIn(page));
      await writeFile(docs, page);
      await writeFile(picture, drawing);
    }
    const short = values.check === true ? shortfalls(report) : [];
    for (const line of short) console.error(`Misses its limit - ${line}`);
    return short.length > 0 ? 1 : 0;
  },
);
