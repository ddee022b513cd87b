/**
 * The audit events of a running local system, as its services log them, and the calls that a front end refused: one line of
 * JSON for each in `audit-events.jsonl`.
 */
import type { AuditEvent } from "@restricted-calls/shared/authorization";
import * as v from "valibot";
import { appendFileSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reasonOf } from "../../tools/command-line.ts";
import { writeFileSync } from "../../tools/write-file.ts";
import type { NetworkRefusal } from "../front-end/front-end.ts";

/** An event, and when and of which service it was recorded. */
interface Recorded<Event> {
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly service: string;
  readonly event: Event;
}

/** A decision, as the service that made it logged it. */
export type RecordedEvent = Recorded<AuditEvent>;

/** A call that the front end of the service refused. */
export type RecordedRefusal = Recorded<NetworkRefusal>;

/** A whole line, after the marks in brackets that a host writes before a message. Within a line, a client may have written it. */
const EVENT = /^(?:\[[^\]]*\] ?)*(\{"event":"authorization",.*\})$/;

/** What readers use of it. */
const auditEvent = v.looseObject({
  allowed: v.boolean(),
  operation: v.string(),
  requirement: v.union([v.string(), v.looseObject({})]),
});

/**
 * Empties the file. It stays after the end of the system, until the next start.
 *
 * @param folder the system's
 * @param log gets a line if an event cannot be written
 * @returns takes a line of a service's log, and keeps the event that it is, if any
 */
export function recordAuditEvents(
  folder: string,
  log: (line: string) => void,
): (service: string, line: string) => void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(fileIn(folder), "");
  return (service, line) => {
    const event = eventIn(line);
    if (event !== undefined) append(folder, log, service, event);
  };
}

/**
 * Adds the calls that front ends refuse to the file that `recordAuditEvents` began.
 *
 * @param log gets a line if one cannot be written
 */
export function recordNetworkRefusals(
  folder: string,
  log: (line: string) => void,
): (service: string, event: NetworkRefusal) => void {
  return (service, event) => {
    append(folder, log, service, event);
  };
}

/**
 * The events of the system of a folder that runs, or that ran last, in the order of their arrival.
 *
 * @returns undefined if none ran in that folder
 */
export function readAuditEvents(folder: string): RecordedEvent[] | undefined {
  return recorded(folder)?.filter((one): one is RecordedEvent => one.event.event === "authorization");
}

/** The same for the calls that front ends refused. */
export function readNetworkRefusals(folder: string): RecordedRefusal[] | undefined {
  return recorded(folder)?.filter((one): one is RecordedRefusal => one.event.event === "network-refusal");
}

function append(
  folder: string,
  log: (line: string) => void,
  service: string,
  event: AuditEvent | NetworkRefusal,
): void {
  const file = fileIn(folder);
  try {
    appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), service, event })}\n`);
  } catch (error) {
    log(`An audit event is missing in ${file}: ${reasonOf(error)}`);
  }
}

function recorded(folder: string): (RecordedEvent | RecordedRefusal)[] | undefined {
  let text: string;
  try {
    text = readFileSync(fileIn(folder), "utf8");
  } catch {
    return undefined;
  }
  // A system that runs may be writing its last line.
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RecordedEvent | RecordedRefusal);
}

function fileIn(folder: string): string {
  return join(folder, "audit-events.jsonl");
}

function eventIn(line: string): AuditEvent | undefined {
  const text = EVENT.exec(line)?.[1];
  if (text === undefined) return undefined;
  try {
    const event = JSON.parse(text) as unknown;
    return v.is(auditEvent, event) ? (event as unknown as AuditEvent) : undefined;
  } catch {
    return undefined;
  }
}
