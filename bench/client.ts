/** Measures the caller's side: the cost of a call, the number of token requests, and the cost of draining a backlog. */
import { once } from "node:events";
import { Agent } from "node:http";
import { Worker } from "node:worker_threads";
import { type TableClient, TableTransaction } from "@azure/data-tables";
import axios from "axios";
import { createTokenSource, managedIdentity } from "@restricted-calls/shared/identity";
import { createServiceClient, type ServiceClient } from "@restricted-calls/shared/service-client";
import { openTable } from "@restricted-calls/shared/storage/table";
import { Pool } from "undici";
import { createDelivery } from "../caller-func/src/orders/delivery.ts";
import { afterAttempt, newOrder } from "../caller-func/src/orders/order.ts";
import { finishedRow, orderKey, PARTITION, pendingKey, toRow } from "../caller-func/src/orders/order-row.ts";
import { createOrderStore, type OrderStore } from "../caller-func/src/orders/order-store.ts";
import { startTestStorage, type TestStorage } from "../local/index.ts";
import { measure, median } from "./measure.ts";
import { type Bench, duration, versionOf } from "./report.ts";

/** Pending orders when a drain is measured. */
const BACKLOGS = [1_000, 20_000] as const;
/** Orders of one turn, and the number of turns. Our turns and the bare ones alternate. */
const TURN = 80;
const TURNS = 4;
/** Concurrent orders, as in a delivery run. */
const CONCURRENCY = 8;

const body = { sku: "widget", quantity: 1 };
const path = "/api/reservations/order-1";

export const bench: Bench = async (progress) => {
  progress("A call ...");
  const call = await measureCall();
  await using started = new AsyncDisposableStack();
  const storage = started.adopt(await startTestStorage(), (running) => running.stop());
  progress("1,000 first calls at once ...");
  const tokenRequests = await countTokenRequests(storage);
  const drains: Drain[] = [];
  for (const backlog of BACKLOGS) {
    progress(`A backlog of ${backlog} orders ...`);
    drains.push(await measureDrain(storage, backlog));
  }
  const [small, large] = drains as [Drain, Drain];
  return {
    title: "Service client and backlog",
    figures: {
      "a call: service client": duration(call.ours),
      "a call: bare axios, keep-alive": duration(call.axios),
      "a call: bare undici": duration(call.undici),
      ...Object.fromEntries(
        drains.flatMap(({ backlog, requests, ours, bare }) => [
          [`an order, ${backlog} pending: storage requests`, requests.toFixed(3)],
          [`an order, ${backlog} pending: ours`, duration(ours)],
          [`an order, ${backlog} pending: bare read and transaction`, duration(bare)],
        ]),
      ),
    },
    ratios: [
      { name: "a call: service client / bare axios", value: call.ours / call.axios, atMost: 1.35 },
      { name: "a call: service client / bare undici", value: call.ours / call.undici },
      { name: "1,000 first calls at once: token requests", value: tokenRequests, atMost: 1, atLeast: 1 },
      {
        name: "storage requests per order: 20,000 pending / 1,000 pending",
        value: large.requests / small.requests,
        atMost: 1.01,
      },
      { name: "an order of 1,000: ours / bare", value: small.ours / small.bare, atMost: 1.5 },
      { name: "an order of 20,000: ours / bare", value: large.ours / large.bare, atMost: 1.5 },
    ],
    notes: [
      `axios ${versionOf("axios")}, undici ${versionOf("undici")}, cockatiel ${versionOf("cockatiel")}; sequential calls to a server in another thread.`,
      `Azurite ${versionOf("azurite")}; ${CONCURRENCY} concurrent orders on both sides; the callee responds immediately. Bare: read the order, then one transaction with the same three changes.`,
    ],
  };
};

async function measureCall(): Promise<Record<"ours" | "axios" | "undici", number>> {
  await using started = new AsyncDisposableStack();
  const origin = `http://127.0.0.1:${await startEchoServer(started)}`;
  const pool = started.adopt(new Pool(origin), (open) => open.close());
  const headers = { Authorization: "Bearer abc.def.ghi" };
  const bare = axios.create({
    ...{ baseURL: origin, httpAgent: new Agent({ keepAlive: true }), maxRedirects: 0, proxy: false },
    validateStatus: () => true,
  });
  const ours = createServiceClient({ origin, tokens: fixedToken("abc.def.ghi") });
  const times = (call: () => Promise<unknown>) => async (count: number) => {
    for (let i = 0; i < count; i++) await call();
  };
  return await measure(
    {
      ours: times(() => ours({ method: "PUT", path, body })),
      axios: times(() => bare.request({ method: "PUT", url: path, data: body, headers })),
      undici: times(async () => {
        const json = JSON.stringify(body);
        const answer = await pool.request({
          path,
          method: "PUT",
          headers: { ...headers, "Content-Type": "application/json" },
          body: json,
        });
        return answer.body.json();
      }),
    },
    { rounds: 41, turnMs: 100 },
  );
}

/** @returns its port */
async function startEchoServer(started: AsyncDisposableStack): Promise<number> {
  const server = new Worker(new URL("echo-server.ts", import.meta.url));
  started.defer(async () => {
    await server.terminate();
  });
  const [port] = (await once(server, "message")) as [number];
  return port;
}

function fixedToken(token: string): ReturnType<typeof createTokenSource> {
  return createTokenSource(
    () => ({ getToken: () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3600_000 }) }),
    "api://bench/.default",
  );
}

async function countTokenRequests({ entra }: TestStorage): Promise<number> {
  await using started = new AsyncDisposableStack();
  const port = await startEchoServer(started);
  const [api] = entra.directory.apis;
  const [identity] = entra.directory.identities;
  const tokens = createTokenSource(() => managedIdentity(identity?.clientId), `${api?.identifierUri ?? ""}/.default`);
  const call = createServiceClient({ origin: `http://127.0.0.1:${port}`, tokens });
  const requests = async (): Promise<number> =>
    ((await (await fetch(`${entra.control}/requests`)).json()) as Record<string, number>)["managed-identity"] ?? NaN;
  const before = await requests();
  const outcomes = await Promise.all(Array.from({ length: 1000 }, () => call({ method: "PUT", path, body })));
  const failed = outcomes.find((outcome) => outcome.kind !== "response" || outcome.status !== 200);
  if (failed !== undefined) throw new Error(`One of the 1,000 calls got no response: ${JSON.stringify(failed)}`);
  return (await requests()) - before;
}

interface Drain {
  readonly backlog: number;
  /** Storage requests per order. */
  readonly requests: number;
  /** Nanoseconds per order. */
  readonly ours: number;
  readonly bare: number;
}

async function measureDrain({ endpoint, credential }: TestStorage, backlog: number): Promise<Drain> {
  const open = openTable(endpoint, `drain${backlog}`, () => credential);
  const table = await open();
  const store = createOrderStore(open);
  const ids = await fill(table, backlog);
  let requests = 0;
  table.pipeline.addPolicy({
    name: "count",
    sendRequest(request, next) {
      requests++;
      return next(request);
    },
  });
  const delivery = (limit: number): Promise<unknown> =>
    createDelivery(limited(store, limit), reserving).deliverDue(600_000);
  // The bare turns take orders from the end of the backlog, ours from its beginning.
  const bareOnes = ids.slice(-TURN * (TURNS + 1)).reverse();

  await delivery(TURN); // warm-up
  await bareTurn(table, bareOnes.splice(0, TURN));
  requests = 0;
  const [ours, bare]: [number[], number[]] = [[], []];
  let counted = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const before = requests;
    ours.push(await timed(() => delivery(TURN)));
    counted += requests - before;
    bare.push(await timed(() => bareTurn(table, bareOnes.splice(0, TURN))));
  }
  return { backlog, requests: counted / (TURN * TURNS), ours: median(ours) / TURN, bare: median(bare) / TURN };
}

const LONG_DUE = new Date(Date.now() - 3600_000);
const dueAt = (i: number): Date => new Date(LONG_DUE.getTime() + i);
const orderOf = (i: number, orderId: string) => newOrder({ orderId, sku: "widget", quantity: 1 }, dueAt(i), dueAt(i));

interface Waiting {
  readonly i: number;
  readonly orderId: string;
}

async function fill(table: TableClient, count: number): Promise<Waiting[]> {
  const all = Array.from({ length: count }, (_, i) => ({ i, orderId: `order-${i}` }));
  for (let begin = 0; begin < count; begin += 50) {
    const transaction = new TableTransaction();
    for (const { i, orderId } of all.slice(begin, begin + 50)) {
      transaction.createEntity(toRow(orderKey(orderId), orderOf(i, orderId)));
      transaction.createEntity(toRow(pendingKey(dueAt(i), orderId), orderOf(i, orderId)));
    }
    await table.submitTransaction(transaction.actions);
  }
  return all;
}

/** A store that leases so many orders, and then none. */
function limited(store: OrderStore, limit: number): OrderStore {
  let left = limit;
  return {
    ...store,
    async lease(now, until, wanted) {
      if (left === 0) return [];
      const leases = await store.lease(now, until, Math.min(wanted, left));
      left -= leases.length;
      return leases;
    },
  };
}

const outcome = (orderId: string) =>
  ({ kind: "response", status: 201, body: { orderId, ...body }, refusedBy: undefined, tries: 1 }) as const;
const reserving: ServiceClient = ({ path }) => Promise.resolve(outcome(path.split("/").at(-1) ?? ""));

async function bareTurn(table: TableClient, waiting: Waiting[]): Promise<void> {
  const worker = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { i, orderId } = next;
      await table.getEntity(PARTITION, orderKey(orderId));
      const done = afterAttempt(orderOf(i, orderId), outcome(orderId), new Date());
      const transaction = new TableTransaction();
      transaction.deleteEntity(PARTITION, pendingKey(dueAt(i), orderId));
      transaction.updateEntity(toRow(orderKey(orderId), done), "Merge");
      transaction.createEntity(finishedRow(done, new Date()) ?? { partitionKey: "", rowKey: "" });
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
