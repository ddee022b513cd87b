// How a message is written to Table storage, and read from it.
import { hash } from "node:crypto";
import type { TableEntity, TableEntityResult } from "@azure/data-tables";
import type { VersionedRow } from "../storage/row-version.ts";
import type { Setback } from "./history.ts";
import type { Message, MessageState, Problem } from "./message.ts";

/** Increased only if earlier code must not change such rows: see `storage/row-version.ts`. */
export const SCHEMA_VERSION = 1;

/**
 * Messages are spread over this many partitions: enough that one app's storage account is the limit, few enough that a run
 * visits each. A partition has a ceiling of about 2,000 entities per second. Never change it for a table in use: its
 * messages would not be found.
 *
 * @see https://learn.microsoft.com/azure/storage/tables/scalability-targets
 */
export const PARTITIONS = 16;

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

const TIME_LENGTH = new Date(0).toISOString().length;

export const messageKey = (id: string): string => prefixes.message + id;
export const pendingKey = (dueAt: Date, id: string): string => `${prefixes.pending}${dueAt.toISOString()}:${id}`;
const sinceKey = (since: Date, id: string): string => `${prefixes.since}${since.toISOString()}:${id}`;

/** The time in the key of an index row: of a pending one, when it is due. */
export function timeIn(rowKey: string): Date {
  const begin = rowKey.indexOf(":") + 1;
  return new Date(rowKey.slice(begin, begin + TIME_LENGTH));
}

/** The name of a partition, by its number. */
export function partitionName(number: number): string {
  return String(number).padStart(2, "0");
}

/** The partition of a message: a hash of its id spreads any ids evenly. */
export function partitionOf(id: string, partitions: number): string {
  return partitionName(hash("sha256", id, "buffer").readUInt32BE() % partitions);
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

/** Columns of a row that was read. A later version may have more than this one knows: they stay. */
export type KeptColumns = Readonly<Record<string, unknown>>;

export function toRow(name: TableEntity, message: Message<unknown>, kept: KeptColumns = {}): TableEntity {
  const { id, payload, state, createdAt, pendingSince, attempts } = message;
  return {
    ...kept,
    ...name,
    version: SCHEMA_VERSION,
    ...{ id, state, createdAt, pendingSince, attempts },
    // A damaged payload is not changed.
    ...(payload !== undefined && { payload: JSON.stringify(payload) }),
    reason: message.reason ?? "",
    endedAt: message.endedAt?.toISOString() ?? "",
    history: JSON.stringify(message.history),
    problem: message.problem === undefined ? "" : JSON.stringify(message.problem),
  } satisfies TableEntity<Omit<MessageColumns, "payload">>;
}

/**
 * Reads a row. A damaged one must not stop the others of its batch: what cannot be read is left out.
 *
 * @param dueAt from the key of the pending row; a message's own row does not know it
 */
export function fromRow<Payload>(row: MessageRow, dueAt?: Date): Message<Payload> {
  const { id, state, createdAt, pendingSince, endedAt, attempts, reason, problem } = row;
  const history = parsed(row.history);
  return {
    ...{ id, state, createdAt, pendingSince, attempts },
    // Undefined if damaged: such a message is not delivered.
    payload: parsed(row.payload) as Payload,
    ...(reason && { reason }),
    ...(problem && { problem: (parsed(problem) as Problem | undefined) ?? { code: "unreadable" } }),
    ...(dueAt !== undefined && { dueAt }),
    ...(endedAt && { endedAt: new Date(endedAt) }),
    history: Array.isArray(history) ? (history as readonly Setback[]) : [],
  };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** The rows by which queries find a message of its state, beside the message itself. */
export function indexRows(partitionKey: string, message: Message<unknown>, kept: KeptColumns = {}): TableEntity[] {
  const { id, state, pendingSince, dueAt, endedAt = pendingSince } = message;
  const reference = (rowKey: string): TableEntity => ({ partitionKey, rowKey, version: SCHEMA_VERSION, id });
  const copy = (rowKey: string): TableEntity => toRow({ partitionKey, rowKey }, message, kept);
  if (dueAt !== undefined) return [copy(pendingKey(dueAt, id)), reference(sinceKey(pendingSince, id))];
  const ended = `${endedAt.toISOString()}:${id}`;
  return [state === "stuck" ? copy(prefixes.stuck + ended) : reference(prefixes.finished + ended)];
}
