import { mkdir } from "node:fs/promises";
import { appendFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../tools/write-file.ts";
import type { NetworkRefusal } from "../front-end/front-end.ts";
import {
  readAuditEvents,
  readNetworkRefusals,
  recordAuditEvents,
  recordNetworkRefusals,
} from "../system/audit-events.ts";

const event = {
  ...{ event: "authorization", allowed: false, code: "role-missing" },
  ...{ operation: "getRecord", requirement: "Records.Read" },
};
const line = JSON.stringify(event);

function inFolder() {
  const { folder, remove } = temporaryFolder("audit-events-");
  onTestFinished(remove);
  const log: string[] = [];
  return { folder, log, record: recordAuditEvents(folder, (text) => log.push(text)) };
}

test("keeps the events of a log, by service, in their order", () => {
  const { folder, record } = inFolder();
  record("one", line);
  record("two", `[2026-01-31T10:00:00.000Z] [warning] ${line}`);
  const events = readAuditEvents(folder) ?? [];
  expect(events.map(({ service, event }) => [service, event])).toEqual([
    ["one", event],
    ["two", event],
  ]);
  expect(events.map(({ time }) => new Date(time).toISOString())).toEqual(events.map(({ time }) => time));
});

test("keeps the calls that front ends refused apart from the events", () => {
  const { folder, log, record } = inFolder();
  const refusal: NetworkRefusal = {
    ...{ event: "network-refusal", method: "GET", path: "/", address: "::1", rule: "a rule" },
    traceParent: undefined,
  };
  const recordRefusal = recordNetworkRefusals(folder, (text) => log.push(text));
  record("one", line);
  recordRefusal("two", refusal);
  expect(readAuditEvents(folder)?.map(({ service }) => service)).toEqual(["one"]);
  expect(readNetworkRefusals(folder)).toEqual([
    { time: expect.stringMatching(/Z$/) as string, service: "two", event: refusal },
  ]);
  record("one", JSON.stringify(refusal));
  expect(readNetworkRefusals(folder), "a service's log cannot add one").toHaveLength(1);
});

test.each([
  ["another event", '{"event":"delivery-run","done":1}'],
  ["half an event", line.slice(0, -1)],
  ["no JSON", '{"event":"authorization",}'],
  ["a text that only names it", "authorization"],
  ["an event within a line, where a client may have written it", `403 GET /${line}`],
  ["an event with something behind it", `${line} from 127.0.0.1`],
  ["an event without a requirement", JSON.stringify({ ...event, requirement: undefined })],
  ["an event without a decision", JSON.stringify({ ...event, allowed: "true" })],
])("keeps nothing else: %s", (_, text) => {
  const { folder, record } = inFolder();
  record("one", text);
  expect(readAuditEvents(folder)).toEqual([]);
});

test("begins anew with the next start, and reads no line that is being written", () => {
  const { folder, record } = inFolder();
  record("one", line);
  recordAuditEvents(folder, () => undefined)("two", line);
  appendFileSync(join(folder, "audit-events.jsonl"), '{"time":');
  expect(readAuditEvents(folder)?.map(({ service }) => service)).toEqual(["two"]);
});

test("says that an event is missing, and does not stop the system", async () => {
  const { folder, log, record } = inFolder();
  rmSync(join(folder, "audit-events.jsonl"));
  await mkdir(join(folder, "audit-events.jsonl"));
  record("one", line);
  expect(log).toEqual([expect.stringMatching(/^An audit event is missing in .*audit-events\.jsonl: /)]);
});

test("knows no events of a folder where no system ran", () => {
  const { folder, remove } = temporaryFolder("audit-events-");
  onTestFinished(remove);
  expect(readAuditEvents(folder)).toBeUndefined();
  expect(readNetworkRefusals(folder)).toBeUndefined();
});
