/** Writes the report: page, JSON and schema. */
import { mkdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { renderHtml } from "./html.ts";
import { type Report, REPORT_SCHEMA } from "../model/report.ts";
import { statusOf } from "../model/status.ts";
import { writeFile } from "../../tools/write-file.ts";

/**
 * Writes `report.html`, `report.json` and its schema to a folder, and creates the folder if needed. Writes each file beside its
 * place and then moves it, so that no reader finds half a report.
 *
 * @returns the paths of the page and of the JSON
 * @throws Error if the status is wrong for the calls and checks, or if a file cannot be written. Then no new report is written
 */
export async function writeReport(report: Report, folder: string): Promise<{ html: string; json: string }> {
  const due = statusOf(report);
  if (report.status !== due) {
    throw new Error(`The report's status is "${report.status}" instead of "${due}". Use statusOf(report).`);
  }
  const files = {
    "report.schema.json": await readFile(join(import.meta.dirname, "..", "model", "report.schema.json"), "utf8"),
    "report.json": jsonOf(report),
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

/** One line for each call. In pieces: all calls of many services would be longer than Node's longest string. */
function* jsonOf({ cells, ...rest }: Report): Generator<string> {
  yield `${JSON.stringify({ ...rest, $schema: REPORT_SCHEMA }, null, 2).slice(0, -2)},\n  "cells": [`;
  for (let i = 0; i < cells.length; i += CALLS_PER_PIECE) {
    const lines = cells.slice(i, i + CALLS_PER_PIECE).map((cell) => `\n    ${JSON.stringify(cell)}`);
    yield `${i === 0 ? "" : ","}${lines.join()}`;
  }
  yield "\n  ]\n}\n";
}

const CALLS_PER_PIECE = 1_000;
