import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { renderHtml } from "./html.ts";
import { type Report, REPORT_SCHEMA } from "../model/report.ts";
import { verdictOf } from "../model/status.ts";
import { writeFile } from "../../tools/write-file.ts";

/**
 * Writes `report.html`, `report.json` and its schema to a folder, which is made where it is missing. Each file is
 * written whole beside its place and then moved there: a reader never meets half a report.
 *
 * @returns the paths of the page and of the JSON
 * @throws where the verdict is not what the parts amount to, or a file cannot be written; then no new report is there
 */
export async function writeReport(report: Report, folder: string): Promise<{ html: string; json: string }> {
  const due = verdictOf(report);
  if (report.verdict !== due) {
    throw new Error(`The report says "${report.verdict}", its parts amount to "${due}". Take verdictOf(report).`);
  }
  const files = {
    "report.schema.json": await readFile(join(import.meta.dirname, "..", "model", "report.schema.json"), "utf8"),
    "report.json": `${JSON.stringify({ ...report, $schema: REPORT_SCHEMA }, null, 2)}\n`,
    "report.html": await renderHtml(report),
  };
  await mkdir(folder, { recursive: true });
  const places = Object.entries(files).map(([name, text]) => {
    const path = join(folder, name);
    return { path, text, beside: `${path}.${process.pid}.part` };
  });
  try {
    for (const { beside, text } of places) await writeFile(beside, text);
    for (const { beside, path } of places) await rename(beside, path);
  } finally {
    await Promise.all(places.map(({ beside }) => rm(beside, { force: true })));
  }
  return { html: join(folder, "report.html"), json: join(folder, "report.json") };
}
