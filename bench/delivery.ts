/** Measures the outbox: storage requests, the cost of draining a backlog, and what the partitions gain. */
import { setTimeout as delay } from "node:timers/promises";
import type { PipelinePolicy } from "@azure/core-rest-pipeline";
import { type TableClient, TableTransaction } from "@azure/data-tables";
import type { ServiceClient } from "@restricted-calls/shared/service-client";
import { openTable } from "@restricted-calls/shared/storage/table";
import { startTestStorage, type TestStorage } from "../local/index.ts";
import { afterAttempt, type Destination, type Message, newMessage } from "../shared/outbox/message.ts";
import { indexRows, messageKey, PARTITIONS, partitionOf, toRow } from "../shared/outbox/message-row.ts";
import { createMessageStore, type MessageStore } from "../shared/outbox/message-store.ts";
import { createOutbox, type Outbox } from "../shared/outbox/outbox.ts";
import { median } from "./measure.ts";
import type { Bench } from "@restricted-calls/shared/contract-bench";
import { duration, versionOf } from "./report.ts";

/** Pending messages when a drain is measured. */
const BACKLOGS = [2_000, 20_000] as const;
/** Messages of one turn, and the number of turns. Our turns and the bare ones alternate. */
const TURN_MESSAGES = 320;
const TURN_COUNT = 4;
/** Concurrent messages, as in a delivery run. */
const CONCURRENCY = 8;
/** Instances that drain together, and what a partition takes: a quarter of what Azure states, because Azurite itself is slow. */
const INSTANCES = 3;
const ENTITIES_PER_SECOND = 500;

export const bench: Bench = async (progress) => {
  await using started = new AsyncDisposableStack();
  const storage = started.adopt(await startTestStorage(), (running) => running.stop());
  progress("A message, and a run with nothing to do ...");
  const requests = await countRequests(storage);
  const drains: Drain[] = [];
  for (const backlog of BACKLOGS) {
    progress(`A backlog of ${backlog} messages ...`);
    drains.push(await measureDrain(storage, backlog));
  }
  const [small, large] = drains as [Drain, Drain];
  const seconds: Record<number, number> = {};
  for (const partitions of [PARTITIONS, 1]) {
    progress(`${INSTANCES} instances drain ${BACKLOGS[1]} messages in ${partitions} of ${PARTITIONS} partitions ...`);
    seconds[partitions] = await drainTogether(storage, partitions, BACKLOGS[1]);
  }
  const [spread = NaN, single = NaN] = [seconds[PARTITIONS], seconds[1]];
  return {
    title: "Delivery by the outbox",
    figures: {
      "a message submitted and delivered: storage requests": requests.submitted.toFixed(3),
      "a run with nothing to do: storage requests": String(requests.idle),
      "the same within three minutes after 200 messages": String(requests.afterwards),
      ...Object.fromEntries(
        drains.flatMap(({ backlog, requests, ours, bare }) => [
          [`a message, ${backlog} pending: storage requests`, requests.toFixed(3)],
          [`a message, ${backlog} pending: ours`, duration(ours)],
          [`a message, ${backlog} pending: bare read and transaction`, duration(bare)],
        ]),
      ),
      [`${BACKLOGS[1]} messages, ${INSTANCES} instances, ${PARTITIONS} partitions`]: `${spread.toFixed(1)} s`,
      [`${BACKLOGS[1]} messages, ${INSTANCES} instances, 1 partition`]: `${single.toFixed(1)} s`,
    },
    ratios: [
      { name: "a message submitted and delivered: storage requests", value: requests.submitted, atMost: 2.5 },
      { name: "a run with nothing to do: storage requests", value: requests.idle, atMost: 3 },
      { name: "the same within three minutes after 200 messages", value: requests.afterwards, atMost: 18 },
      {
        name: "storage requests per message: 20,000 pending / 2,000 pending",
        value: large.requests / small.requests,
        atMost: 1.1,
      },
      { name: "a message of 2,000: ours / bare", value: small.ours / small.bare, atMost: 1.5 },
      { name: "a message of 20,000: ours / bare", value: large.ours / large.bare, atMost: 1.5 },
      { name: "draining together: 1 partition / 16 partitions", value: single / spread, atLeast: 2 },
    ],
    notes: [
      `Azurite ${versionOf("azurite")}; ${CONCURRENCY} concurrent messages on both sides; the destination responds immediately. Bare: read the message, then one transaction with the same changes.`,
      `Draining together: a partition takes ${ENTITIES_PER_SECOND} entities per second, simulated in front of Azurite; Azure states 2,000.`,
    ],
  };
};

interface Payload {
  readonly text: string;
}

const payload: Payload = { text: "hello" };

const confirming: ServiceClient = ({ path }) =>
  Promise.resolve({ kind: "response", status: 201, body: { id: path.slice(1) }, refusedBy: undefined, tries: 1 });

const destination: Destination<Payload> = {
  client: confirming,
  request: ({ id }) => ({ method: "PUT", path: `/${id}` }),
  isDone: ({ id }, body) => (body as { readonly id: string }).id === id,
  refusalCodes: [],
};

const RUN = { longestMs: 600_000, retentionMs: 30 * 24 * 3600_000 };

const outboxOf = (table: TableClient, store?: MessageStore<Payload>): Outbox<Payload> =>
  createOutbox({ table: () => Promise.resolve(table), destination, ...(store && { store }) });

/** A new client of a table: each has a pipeline of its own. */
const open = ({ endpoint, credential }: TestStorage, name: string): Promise<TableClient> =>
  openTable(endpoint, name, () => credential)();

function counting(table: TableClient): { count: number } {
  const requests = { count: 0 };
  table.pipeline.addPolicy({
    name: "count",
    sendRequest(request, next) {
      requests.count++;
      return next(request);
    },
  });
  return requests;
}

async function countRequests(storage: TestStorage): Promise<Record<"idle" | "submitted" | "afterwards", number>> {
  const table = await open(storage, "requests");
  const outbox = outboxOf(table);
  await outbox.run(RUN);
  const requests = counting(table);
  await outbox.run(RUN);
  const idle = requests.count;
  const messages = 200;
  for (let i = 0; i < messages; i++) await outbox.submit({ id: `m-${i}`, payload });
  const submitted = (requests.count - idle) / messages;
  const before = requests.count;
  await outbox.run(RUN);
  return { idle, submitted, afterwards: requests.count - before };
}

interface Drain {
  readonly backlog: number;
  /** Storage requests per message. */
  readonly requests: number;
  /** Nanoseconds per message. */
  readonly ours: number;
  readonly bare: number;
}

async function measureDrain(storage: TestStorage, backlog: number): Promise<Drain> {
  const [table, bareTable] = [await open(storage, `drain${backlog}`), await open(storage, `bare${backlog}`)];
  const store = createMessageStore<Payload>(() => Promise.resolve(table));
  await fill(table, backlog, PARTITIONS);
  const bareOnes = await fill(bareTable, backlog, PARTITIONS);
  const requests = counting(table);
  const delivery = (limit: number): Promise<unknown> => outboxOf(table, limited(store, limit)).run(RUN);

  await delivery(TURN_MESSAGES); // warm-up
  await bareTurn(bareTable, bareOnes.splice(0, TURN_MESSAGES));
  const [ours, bare]: [number[], number[]] = [[], []];
  let counted = 0;
  for (let turn = 0; turn < TURN_COUNT; turn++) {
    const before = requests.count;
    ours.push(await timed(() => delivery(TURN_MESSAGES)));
    counted += requests.count - before;
    bare.push(await timed(() => bareTurn(bareTable, bareOnes.splice(0, TURN_MESSAGES))));
  }
  return {
    backlog,
    requests: counted / (TURN_MESSAGES * TURN_COUNT),
    ours: median(ours) / TURN_MESSAGES,
    bare: median(bare) / TURN_MESSAGES,
  };
}

/** @returns the seconds in which several instances drain a backlog, where each partition has a limit */
async function drainTogether(storage: TestStorage, partitions: number, backlog: number): Promise<number> {
  const name = `together${partitions}`;
  await fill(await open(storage, name), backlog, partitions);
  const limit = partitionLimit();
  const instances = await Promise.all(
    Array.from({ length: INSTANCES }, async () => {
      const table = await open(storage, name);
      table.pipeline.addPolicy(limit);
      return outboxOf(
        table,
        createMessageStore(() => Promise.resolve(table), { partitions }),
      );
    }),
  );
  const ns = await timed(async () => {
    const runs = await Promise.all(instances.map((outbox) => outbox.run(RUN)));
    const done = runs.reduce((sum, run) => sum + run.done, 0);
    if (done !== backlog) throw new Error(`${done} of ${backlog} messages were delivered.`);
  });
  return ns / 1e9;
}

/** Delays each request until its partition has capacity for its changes. A query counts as one. */
function partitionLimit(): PipelinePolicy {
  const freeAt = new Map<string, number>();
  return {
    name: "limit",
    async sendRequest(request, next) {
      const body = typeof request.body === "string" ? request.body : "";
      const [, partition = ""] = /PartitionKey(?:='|%20eq%20'|"?:")(\w+)/.exec(body + request.url) ?? [];
      const changes = Math.max(body.match(/content-type: application\/http/gi)?.length ?? 0, 1);
      const begin = Math.max(freeAt.get(partition) ?? 0, performance.now());
      freeAt.set(partition, begin + (changes * 1000) / ENTITIES_PER_SECOND);
      await delay(Math.max(begin - performance.now(), 0));
      return next(request);
    },
  };
}

const LONG_DUE = new Date(Date.now() - 3600_000);
const dueAt = (i: number): Date => new Date(LONG_DUE.getTime() + i);
const messageOf = ({ i, id }: Waiting): Message<Payload> => newMessage({ id, payload }, dueAt(i), dueAt(i));

interface Waiting {
  readonly i: number;
  readonly id: string;
}

/** Three rows of a message in a transaction of at most a hundred. */
const PER_TRANSACTION = 33;

async function fill(table: TableClient, count: number, partitions: number): Promise<Waiting[]> {
  const all = Array.from({ length: count }, (_, i) => ({ i, id: `m-${i}` }));
  for (const [partitionKey, waiting] of Map.groupBy(all, ({ id }) => partitionOf(id, partitions))) {
    await table.upsertEntity({ partitionKey: "marker", rowKey: partitionKey });
    for (let begin = 0; begin < waiting.length; begin += PER_TRANSACTION) {
      const transaction = new TableTransaction();
      for (const message of waiting.slice(begin, begin + PER_TRANSACTION).map(messageOf)) {
        transaction.createEntity(toRow({ partitionKey, rowKey: messageKey(message.id) }, message));
        for (const row of indexRows(partitionKey, message)) transaction.createEntity(row);
      }
      await table.submitTransaction(transaction.actions);
    }
  }
  return all;
}

/** A store that leases so many messages, and then none. */
function limited(store: MessageStore<Payload>, limit: number): MessageStore<Payload> {
  let left = limit;
  return {
    ...store,
    async lease(partition, until, wanted, marker) {
      if (left === 0) return { leases: [], mayHaveMore: false, isEmpty: false };
      const result = await store.lease(partition, until, Math.min(wanted, left), marker);
      left -= result.leases.length;
      return result;
    },
  };
}

async function bareTurn(table: TableClient, waiting: Waiting[]): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const message = messageOf(next);
      const partitionKey = partitionOf(message.id, PARTITIONS);
      const name = { partitionKey, rowKey: messageKey(message.id) };
      await table.getEntity(partitionKey, name.rowKey);
      const outcome = await confirming({ method: "PUT", path: `/${message.id}` });
      const done = afterAttempt(message, outcome, destination, new Date());
      const transaction = new TableTransaction();
      for (const { rowKey } of indexRows(partitionKey, message)) transaction.deleteEntity(partitionKey, rowKey);
      transaction.updateEntity(toRow(name, done), "Merge");
      for (const row of indexRows(partitionKey, done)) transaction.createEntity(row);
      await table.submitTransaction(transaction.actions);
    }
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, worker));
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - began);
}
