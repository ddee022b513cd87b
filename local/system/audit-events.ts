/** The audit events of a running local system, as its services log them: one line of JSON for each in `audit-events.jsonl`. */
import type { AuditEvent } from "@restricted-calls/shared/authorization";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../../tools/command-line.ts";
import { writeFileSync } from "../../tools/write-file.ts";

/** An event, and when which service wrote it. */
export interface RecordedEvent {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly service: string;
  readonly event: AuditEvent;
}

/** Core Tools write other texts before it in the line. */
const EVENT = /\{"event":"authorization",.*\}/;

/**
 * Begins the file anew. It stays after the end of the system, until the next start.
 *
 * @param folder the system's
 * @param log gets a line if an event cannot be written
 * @returns takes a line of a service's log, and keeps the event that it contains, if any
 */
export function recordAuditEvents(
  folder: string,
  log: (line: string) => void,
): (service: string, line: string) => void {
  const file = fileIn(folder);
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, "");
  return (service, line) => {
    const event = eventIn(line);
    if (event === undefined) return;
    try {
      appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), service, event })}\n`);
    } catch (error) {
      log(`An audit event is missing in ${file}: ${reasonOf(error)}`);
    }
  };
}

/**
 * The events of the system of a folder that runs, or that ran last, in the order of their arrival.
 *
 * @returns undefined if none ran in that folder
 */
export function readAuditEvents(folder: string): RecordedEvent[] | undefined {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), "utf8");
  } catch {
    return undefined;
  }
  // A system that runs may be writing its last line.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RecordedEvent);
}

function fileIn(folder: string): string {
  return join(folder, "audit-events.jsonl");
}

function eventIn(line: string): AuditEvent | undefined {
  const text = EVENT.exec(line)?.[0];
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as AuditEvent;
  } catch {
    return undefined;
  }
}
