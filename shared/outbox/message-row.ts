// How a message is written to Table storage, and read from it.
import { createHash } from "node:crypto";
import type { TableEntity, TableEntityResult } from "@azure/data-tables";
import type { VersionedRow } from "../storage/row-version.ts";
import type { Setback } from "./history.ts";
import type { Message, MessageState, Problem } from "./message.ts";

/** Increased only if earlier code must not change such rows: see `storage/row-version.ts`. */
export const SCHEMA_VERSION = 1;

/**
 * Messages are spread over this many partitions. Each has a ceiling of about 2,000 entities per second. Never change it for
 * a table in use: its messages would not be found.
 *
 * @see https://learn.microsoft.com/azure/storage/tables/scalability-targets
 */
export const PARTITIONS = 16;

/** The partition of the rows that name the partitions with pending messages. */
export const MARKERS = "marker";

/**
 * All rows of a message share a partition, chosen by a hash of its id, so that one transaction can change them:
 *
 * - `message:{id}`: the message, for as long as it is kept;
 * - `pending:{due time}:{id}`: a copy, only while the message is pending. A query finds due messages here, the longest due
 *   first, without reading others. Moving the row to a later due time leases the message until then;
 * - `since:{time}:{id}`: since when a pending message is pending;
 * - `stuck:{time}:{id}`: a copy, only while the message is stuck;
 * - `finished:{time}:{id}`: when a done or refused message ended. A query finds the messages to remove here.
 */
export const prefixes = {
  message: "message:",
  pending: "pending:",
  since: "since:",
  stuck: "stuck:",
  finished: "finished:",
} as const;

export const messageKey = (id: string): string => prefixes.message + id;
export const pendingKey = (dueAt: Date, id: string): string => `${prefixes.pending}${dueAt.toISOString()}:${id}`;
const sinceKey = (since: Date, id: string): string => `${prefixes.since}${since.toISOString()}:${id}`;

/** The names of the partitions, by their number. */
export function partitionKeys(partitions: number): readonly string[] {
  return Array.from({ length: partitions }, (_, i) => String(i).padStart(2, "0"));
}

/** The partition of a message: a hash of its id spreads any ids evenly. */
export function partitionOf(id: string, partitions: number): string {
  const number = createHash("sha256").update(id).digest().readUInt32BE() % partitions;
  return String(number).padStart(2, "0");
}

/** A merge keeps columns that are not named, so a column that no longer applies is set to an empty text. */
export interface MessageColumns extends VersionedRow {
  readonly id: string;
  /** JSON. */
  readonly payload: string;
  readonly state: MessageState;
  readonly reason: string;
  readonly createdAt: Date;
  readonly pendingSince: Date;
  /** ISO 8601. */
  readonly endedAt: string;
  readonly attempts: number;
  /** JSON. */
  readonly history: string;
  /** JSON. */
  readonly problem: string;
}

export type MessageRow = TableEntityResult<MessageColumns>;

export function toRow(name: TableEntity, message: Message<unknown>): TableEntity {
  const { id, state, createdAt, pendingSince, attempts } = message;
  return {
    ...name,
    version: SCHEMA_VERSION,
    ...{ id, state, createdAt, pendingSince, attempts },
    payload: JSON.stringify(message.payload),
    reason: message.reason ?? "",
    endedAt: message.endedAt?.toISOString() ?? "",
    history: JSON.stringify(message.history),
    problem: message.problem === undefined ? "" : JSON.stringify(message.problem),
  } satisfies TableEntity<MessageColumns>;
}

/** @param dueAt from the key of the pending row; a message's own row does not know it */
export function fromRow<Payload>(row: MessageRow, dueAt?: Date): Message<Payload> {
  const { id, state, createdAt, pendingSince, endedAt, attempts, reason, problem } = row;
  return {
    ...{ id, state, createdAt, pendingSince, attempts },
    payload: parsed<Payload>(row.payload, {} as Payload),
    ...(reason && { reason }),
    ...(problem && { problem: parsed<Problem>(problem, { code: "unreadable" }) }),
    ...(dueAt !== undefined && { dueAt }),
    ...(endedAt && { endedAt: new Date(endedAt) }),
    history: parsed<readonly Setback[]>(row.history, []),
  };
}

/** A damaged row must not stop the others of its batch. */
function parsed<T>(json: string, otherwise: T): T {
  try {
    return JSON.parse(json) as T;
  } catch {
    return otherwise;
  }
}

/** The rows by which queries find a message of its state, beside the message itself. */
export function indexRows(partitionKey: string, message: Message<unknown>): TableEntity[] {
  const { id, state, pendingSince, dueAt, endedAt = pendingSince } = message;
  const reference = (rowKey: string): TableEntity => ({ partitionKey, rowKey, version: SCHEMA_VERSION, id });
  const copy = (rowKey: string): TableEntity => toRow({ partitionKey, rowKey }, message);
  if (dueAt !== undefined) return [copy(pendingKey(dueAt, id)), reference(sinceKey(pendingSince, id))];
  const ended = `${endedAt.toISOString()}:${id}`;
  return [state === "stuck" ? copy(prefixes.stuck + ended) : reference(prefixes.finished + ended)];
}
