import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { PipelineRequest, SendRequest } from "@azure/core-rest-pipeline";
import { RestError, type TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { startTestStorage, type TestStorage } from "../../local/index.ts";
import { type Destination, type Message, newMessage } from "../outbox/message.ts";
import { createMessageStore, type MessageStore } from "../outbox/message-store.ts";
import { createOutbox, type Outbox, type RunOptions, type RunSummary } from "../outbox/outbox.ts";
import {
  createServiceClient,
  type ServiceClient,
  type ServiceOutcome,
  type ServiceRequest,
} from "../service-client/index.ts";
import { openTable } from "../storage/table.ts";

interface Letter {
  readonly text: string;
}

let storage: TestStorage;
let store: MessageStore<Letter>;
let outbox: Outbox<Letter>;
let count = 0;

/** The destination, as far as it matters here: what it was asked, and its responses. */
let asked: string[];
let answer: (id: string, signal: AbortSignal | undefined) => ServiceOutcome | Promise<ServiceOutcome>;

const client: ServiceClient = async ({ path, body, signal }) => {
  const id = path.split("/").at(-1) ?? "";
  asked.push(id);
  return {
    ...(await answer(id, signal)),
    ...(body === undefined && { kind: "no-response", reason: "no body" }),
  } as ServiceOutcome;
};
const destination: Destination<Letter> = {
  client,
  request: ({ id, payload }) => ({ method: "PUT", path: `/letters/${id}`, body: payload }),
  isDone: ({ id }, body) => (body as { id?: unknown } | null)?.id === id,
  refusalCodes: ["box-full"],
};
const accept = (id: string): ServiceOutcome => ({
  ...{ kind: "response", status: 201, body: { id } },
  ...{ refusedBy: undefined, tries: 1 },
});
const table = (): ReturnType<ReturnType<typeof openTable>> =>
  openTable(storage.endpoint, `outbox${count}`, () => storage.credential)();
const silence: ServiceOutcome = { kind: "no-response", reason: "ECONNREFUSED", tries: 3 };

const LEASE_MS = 60_000;
/** The clock of the stores: that of storage is a real one. */
const now = (): Date => new Date();
const submit = (id: string, by = outbox): Promise<Message<Letter>> => by.submit({ id, payload: { text: "hello" } });
const run = (by = outbox, options: Partial<RunOptions> = {}): Promise<RunSummary> =>
  by.run({ longestMs: 60_000, retentionMs: 30 * 24 * 3600_000, ...options });
/** An outbox with parts of its own, on the same table. */
const outboxWith = (
  parts: Partial<MessageStore<Letter>>,
  to: Partial<Destination<Letter>> = {},
  report?: (error: unknown) => unknown,
): Outbox<Letter> =>
  createOutbox({
    ...{ table, destination: { ...destination, ...to }, store: { ...store, ...parts } },
    ...(report && { report }),
  });
const passTime = (milliseconds: number): void => {
  vi.setSystemTime(Date.now() + milliseconds);
};

beforeAll(async () => {
  storage = await startTestStorage();
});
afterAll(() => storage.stop());
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
  asked = [];
  answer = accept;
  count++;
  store = createMessageStore(table, { now });
  outbox = createOutbox({ table, destination, store });
});
afterEach(() => vi.useRealTimers());

/** This process ends when it comes to that step, and another one takes over when its lease has run out. */
async function crashAt(step: "call" | "settle" | "after settle"): Promise<void> {
  const { promise: crashed, resolve } = Promise.withResolvers<undefined>();
  const crash = (): Promise<never> => {
    resolve(undefined);
    return new Promise(() => undefined);
  };
  const settle: MessageStore<Letter>["settle"] = async (...args) => {
    if (step === "after settle") await store.settle(...args);
    return crash();
  };
  void submit("crashed", outboxWith({ settle }, step === "call" ? { client: crash } : {}));
  await crashed;
}

describe("a crash between two steps loses nothing and doubles nothing", () => {
  test.each<["call" | "settle" | "after settle", string[]]>([
    ["call", ["crashed"]],
    ["settle", ["crashed", "crashed"]],
    ["after settle", ["crashed"]],
  ])("at: %s", async (step, expected) => {
    await crashAt(step);
    if (step !== "after settle") expect(await submit("crashed")).toMatchObject({ state: "pending" });
    expect(await run()).toMatchObject({ done: 0 }); // the lease keeps it
    passTime(LEASE_MS + 1);
    await run();
    expect(await store.get("crashed")).toMatchObject({ state: "done" });
    expect(asked).toEqual(expected);
  });

  test("between leasing and calling", async () => {
    answer = () => silence;
    await submit("a");
    answer = accept;
    passTime(5_000);
    await store.lease(store.partitionOf("a"), new Date(Date.now() + LEASE_MS), 10); // and then nothing more
    expect((await run()).done).toBe(0);
    passTime(LEASE_MS + 1);
    expect((await run()).done).toBe(1);
  });
});

test("the request is the one of the destination, in the trace of whoever began it", async () => {
  const requests: ServiceRequest[] = [];
  const recording = outboxWith(
    {},
    {
      client: (request) => {
        requests.push(request);
        return Promise.resolve(silence);
      },
    },
  );
  await recording.submit({ id: "a.b", payload: { text: "hi" } }, "trace-1");
  passTime(5_000);
  await run(recording, { traceParent: "trace-2" });
  const signal = expect.any(AbortSignal) as AbortSignal;
  const request = { method: "PUT", path: "/letters/a.b", body: { text: "hi" }, signal };
  expect(requests).toEqual([
    { ...request, traceParent: "trace-1", deadlineMs: 2_000 },
    { ...request, traceParent: "trace-2" },
  ]);
});

describe("a message that another instance has by now", () => {
  test("is shown as it stands", async () => {
    const losing = outboxWith({ settle: () => Promise.resolve(false) });
    expect(await submit("a", losing)).toMatchObject({ state: "pending", attempts: 0 });
    const gone = { settle: () => Promise.resolve(false), get: () => Promise.resolve(undefined) };
    expect(await submit("b", outboxWith(gone))).toMatchObject({
      id: "b",
      attempts: 0,
    });
  });

  test("counts as what it is, and is stored", async () => {
    answer = () => silence;
    await submit("a");
    passTime(5_000);
    const losing = outboxWith({ settle: () => Promise.resolve(false) });
    expect(await run(losing)).toMatchObject({ stillPending: 1, unsaved: 0 });
  });

  test("and is gone a moment later is an error", async () => {
    const gone = { create: () => Promise.resolve(undefined), get: () => Promise.resolve(undefined) };
    await expect(submit("a", outboxWith(gone))).rejects.toThrow(
      "Message a existed a moment ago and does not exist any more.",
    );
  });
});

test.each([
  ["begins as long as its lease outlasts it", 22_999, 12],
  ["does not begin after that: beyond those under way, messages are given back, and due", 23_000, 8],
])("a delivery %s", async (_, took, begun) => {
  answer = () => silence;
  // One partition, and so one lease for all of them.
  const single = createOutbox({ table, destination, store: createMessageStore<Letter>(table, { partitions: 1, now }) });
  await Promise.all(Array.from({ length: 12 }, (_, i) => submit(`o-${i}`, single)));
  passTime(5_000);
  asked = [];
  answer = (id) => {
    if (asked.length === 1) passTime(took);
    return accept(id);
  };
  expect(await run(single)).toMatchObject({ done: begun });
  passTime(1);
  expect(await run(single)).toMatchObject({ done: 12 - begun });
});

test("an id with the text at which the SDK splits the response to a transaction is one like others", async () => {
  const id = "x--changesetresponse_y";
  // One partition, and so one transaction for all of them.
  const single = createOutbox({ table, destination, store: createMessageStore<Letter>(table, { partitions: 1, now }) });
  answer = () => silence;
  for (const one of ["a", id, "b"]) expect(await submit(one, single)).toMatchObject({ state: "pending" });
  passTime(5_000);
  answer = accept;
  expect(await run(single)).toMatchObject({ done: 3 });
});

test("a run says how many calls the destination's access restrictions refused", async () => {
  answer = (id) => ({
    ...{ kind: "response", status: 403, body: "", tries: 1 },
    refusedBy: id === "a" ? "network" : "authorization",
  });
  await submit("a");
  await submit("b");
  passTime(5_000);
  expect(await run()).toMatchObject({ refusedByNetwork: 1, stillPending: 2 });
});

test("a message whose result storage did not take is pending, not an error, and is delivered again", async () => {
  const report = vi.fn();
  const failing = outboxWith({ settle: () => Promise.reject(storageFailure()) }, {}, report);
  expect(await submit("a", failing)).toMatchObject({ state: "pending" });
  passTime(LEASE_MS + 1);
  expect(await run(failing)).toMatchObject({ unsaved: 1, done: 0 });
  passTime(LEASE_MS + 1);
  expect(await run()).toMatchObject({ done: 1 });
  expect(report).not.toHaveBeenCalled();
});

describe("an attempt that fails with an unexpected error", () => {
  const failures: unknown[] = [];
  const report = (error: unknown): void => void failures.push(error);
  const pendingMessages = async (): Promise<void> => {
    failures.length = 0;
    answer = () => silence;
    for (const id of ["a", "b", "c"]) await submit(id);
    passTime(5_000);
    answer = accept;
  };

  test("at the call: is reported, the message is pending and backs off, and the others go on", async () => {
    await pendingMessages();
    const bug = new TypeError("a bug");
    const failing: ServiceClient = (request) => (request.path.endsWith("/b") ? Promise.reject(bug) : client(request));
    const summary = await run(outboxWith({}, { client: failing }, report));
    expect(summary).toMatchObject({ done: 2, stillPending: 1 });
    expect(summary).not.toHaveProperty("endedEarly");
    expect(failures).toEqual([bug]);
    expect(await store.get("b")).toMatchObject({
      ...{ state: "pending", attempts: 2 },
      reason: "no-response: an unexpected error, see the log",
    });
  });

  test("at storing the result: is reported, and the others go on", async () => {
    await pendingMessages();
    const bug = new Error("PropertyValueTooLarge");
    const settle: MessageStore<Letter>["settle"] = (lease, next) =>
      next.id === "b" ? Promise.reject(bug) : store.settle(lease, next);
    const summary = await run(outboxWith({ settle }, {}, report));
    expect(summary).toMatchObject({ done: 2, unsaved: 1 });
    expect(summary).not.toHaveProperty("endedEarly");
    expect(failures).toEqual([bug]);
  });

  test("is logged where nobody else is told", async () => {
    const log = vi.spyOn(console, "error").mockReturnValue();
    onTestFinished(() => {
      log.mockRestore();
    });
    const bug = new TypeError("a bug");
    await submit("a", outboxWith({}, { client: () => Promise.reject(bug) }));
    const message = "An attempt to deliver a message failed with an unexpected error.";
    expect(log.mock.calls).toEqual([[message, bug]]);
  });

  test.each<[string, () => unknown]>([
    ["throws", () => expect.fail("thrown")],
    ["rejects", () => Promise.reject(new Error("rejected"))],
  ])("whose report %s: the others go on, and no process ends", async (_, fails) => {
    await pendingMessages();
    const logged = vi.spyOn(console, "error").mockReturnValue();
    onTestFinished(() => {
      logged.mockRestore();
    });
    const failing: ServiceClient = (request) =>
      request.path.endsWith("/b") ? Promise.reject(new TypeError("a bug")) : client(request);
    const summary = await run(outboxWith({}, { client: failing }, fails));
    expect(summary).toMatchObject({ done: 2, stillPending: 1 });
    // What nobody handles, Vitest reports as a failure.
    expect(logged).toHaveBeenCalledTimes(1);
  });

  test("over HTTP: the message is there, and pending", async () => {
    failures.length = 0;
    const bug = new TypeError("a bug");
    const failing = outboxWith({}, { client: () => Promise.reject(bug) }, report);
    expect(await submit("new", failing)).toMatchObject({ state: "pending", attempts: 1 });
    expect(failures).toEqual([bug]);
  });
});

test("a row that somebody has damaged does not hold up the others", async () => {
  answer = () => silence;
  for (const id of ["a", "b", "c"]) await submit(id);
  const rows = await table();
  for await (const { partitionKey = "", rowKey = "" } of rows.listEntities()) {
    if (rowKey.endsWith(":b")) await rows.updateEntity({ partitionKey, rowKey, history: "[{", problem: "x" }, "Merge");
  }
  passTime(5_000);
  answer = accept;
  expect(await run()).toMatchObject({ done: 3 });
  expect(await store.get("b")).toMatchObject({ state: "done", history: [] });
});

describe("an answer with a code that is none", () => {
  test.each<[string, unknown]>([
    ["of 40,000 characters", "x".repeat(40_000)],
    ["that is an object", { toString: 1 }],
  ])("%s leaves the message pending, and the others go on", async (_, code) => {
    answer = () => silence;
    for (const id of ["a", "b", "c"]) await submit(id);
    passTime(5_000);
    answer = (id) =>
      id === "b"
        ? { kind: "response", status: 409, body: { code, detail: code }, refusedBy: undefined, tries: 1 }
        : accept(id);
    const summary = await run();
    expect(summary).toMatchObject({ done: 2, stillPending: 1 });
    expect(summary).not.toHaveProperty("endedEarly");
    expect(await store.get("b")).toMatchObject({ state: "pending", reason: "the callee responded 409", attempts: 2 });
  });
});

test("a message whose table is deleted while it is delivered is stored with its result", async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  const rows = await table();
  answer = async (id) => {
    await rows.deleteTable();
    return accept(id);
  };
  expect(await submit("a")).toMatchObject({ state: "done" });
  expect(await store.get("a")).toMatchObject({ state: "done", attempts: 1 });
  answer = async () => {
    await rows.deleteTable();
    return silence;
  };
  expect(await submit("b")).toMatchObject({ state: "pending" });
  answer = accept;
  passTime(5_000);
  expect(await run()).toMatchObject({ done: 1, stillPending: 0, unsaved: 0 });
  expect(await submit("c")).toMatchObject({ state: "done" });
});

test("two instances at once, and new messages beside them: no message is delivered twice", async () => {
  answer = () => silence;
  await Promise.all(Array.from({ length: 60 }, (_, i) => submit(`o-${i}`)));
  passTime(5_000);
  asked = [];
  answer = accept;
  const other = createOutbox({ table, destination, store: createMessageStore<Letter>(table, { now }) });
  const [one, two] = await Promise.all([
    run(),
    run(other),
    ...Array.from({ length: 10 }, (_, i) => submit(`o-${i}`)),
    ...Array.from({ length: 10 }, (_, i) => submit(`new-${i}`)),
  ]);
  expect(one.done + two.done).toBe(60);
  expect(asked).toHaveLength(70);
  expect(new Set(asked).size).toBe(70);
});

describe("a run ends", () => {
  const pendingMessages = async (n: number): Promise<void> => {
    answer = () => silence;
    await Promise.all(Array.from({ length: n }, (_, i) => submit(`o-${i}`)));
    passTime(5_000);
    asked = [];
  };

  test("when its time is up: what is under way is broken off, and pending", async () => {
    await pendingMessages(20);
    answer = (_, signal) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          resolve({ kind: "held-back", reason: "aborted by this app", tries: 1 });
        });
      });
    const summary = await run(outbox, { longestMs: 200 });
    expect(summary).toMatchObject({ done: 0, endedEarly: "the next run is due" });
    answer = accept;
    passTime(2_001);
    expect(await run()).toMatchObject({ done: 20 });
  });

  test.each<[string, ServiceOutcome]>([
    ["there is no token", { kind: "no-token", reason: "Entra is down", tries: 0 }],
    ["the circuit is open", { kind: "held-back", reason: "left alone", tries: 0 }],
  ])("when %s: the other messages are left as they are, and due", async (_, outcome) => {
    await pendingMessages(100);
    answer = () => outcome;
    const summary = await run();
    // Also those in partitions that it did not reach.
    const endedEarly = expect.stringContaining(outcome.kind) as string;
    expect(summary).toMatchObject({ done: 0, pending: 100, endedEarly });
    expect(asked.length).toBeLessThanOrEqual(8);
    answer = accept;
    passTime(2_001);
    expect(await run()).toMatchObject({ done: 100 });
  });

  test("a message that keeps failing does not hold up the others", async () => {
    await pendingMessages(50);
    answer = (id) => (id === "o-0" ? silence : accept(id));
    expect(await run()).toMatchObject({ done: 49, stillPending: 1, retries: 2 });
    expect(await store.get("o-0")).toMatchObject({ state: "pending", attempts: 2, history: [{ times: 2 }] });
  });
});

describe("on shutdown", () => {
  test("what is under way may end; nothing more begins; what was not begun is due", async () => {
    answer = () => silence;
    await Promise.all(Array.from({ length: 30 }, (_, i) => submit(`o-${i}`)));
    passTime(5_000);
    asked = [];
    const gate = Promise.withResolvers<undefined>();
    answer = async (id) => {
      await gate.promise;
      return accept(id);
    };
    const running = run();
    await expect.poll(() => asked.length).toBe(8);
    const drained = outbox.drain();
    gate.resolve(undefined);
    await drained;
    expect((await outbox.list("done")).messages).toHaveLength(8);
    expect(await running).toMatchObject({ done: 8, endedEarly: "the app is stopping" });
    expect(await submit("late")).toMatchObject({ state: "pending", attempts: 0 });
    answer = accept;
    passTime(1);
    // With the late one, which nobody had begun to deliver.
    expect(await run(outboxWith({}))).toMatchObject({ done: 23 });
  });

  test("what does not end in time is broken off, and pending", async () => {
    answer = (_, signal) =>
      new Promise((resolve) => {
        signal?.addEventListener("abort", () => {
          resolve({ kind: "held-back", reason: "aborted by this app", tries: 1 });
        });
      });
    const placed = submit("a");
    await expect.poll(() => asked.length).toBe(1);
    await outbox.drain();
    expect(await placed).toMatchObject({ state: "pending", attempts: 0 });
  });
});

describe("a destination that accepts a call and never responds", () => {
  let destinationServer: Server;
  let hanging: ServerResponse[];
  let delivered: string[];
  let isHanging: boolean;
  let slow: Outbox<Letter>;

  beforeEach(async () => {
    [hanging, delivered, isHanging] = [[], [], true];
    destinationServer = createServer((request, response) => {
      if (isHanging) hanging.push(response);
      else {
        const id = request.url?.split("/").at(-1) ?? "";
        delivered.push(id);
        response.writeHead(201, { "Content-Type": "application/json" }).end(JSON.stringify({ id }));
      }
    });
    await new Promise<void>((resolve) => destinationServer.listen(0, "127.0.0.1", resolve));
    const origin = `http://127.0.0.1:${(destinationServer.address() as AddressInfo).port}`;
    const token = (): Promise<string> => Promise.resolve("abc.def.ghi");
    slow = outboxWith({}, { client: createServiceClient({ origin, tokens: { get: token, renew: token } }) });
  });
  afterEach(() => {
    destinationServer.closeAllConnections();
    destinationServer.close();
  });

  test("holds nobody up: pending after one try, which is aborted; the next run delivers it once", async () => {
    const pending = { state: "pending", attempts: 1, reason: "no-response: no response in time" };
    expect(await submit("a", slow)).toMatchObject(pending);
    await expect.poll(() => hanging.map(({ destroyed }) => destroyed)).toEqual([true]);
    isHanging = false;
    passTime(2_001); // less than a lease
    expect(await run(slow)).toMatchObject({ done: 1, stillPending: 0, pending: 0 });
    expect({ delivered, tries: hanging.length }).toEqual({ delivered: ["a"], tries: 1 });
  });

  test("opens the circuit: further submissions are not tried", async () => {
    await Promise.all(Array.from({ length: 10 }, (_, i) => submit(`o-${i}`, slow)));
    expect(await submit("a", slow)).toMatchObject({ state: "pending", attempts: 0 });
    expect(hanging).toHaveLength(10);
  });
});

test("a drain ends although storage does not respond", async () => {
  const stuck = outboxWith({ settle: () => new Promise(() => undefined) });
  void submit("a", stuck);
  await expect.poll(() => asked.length).toBe(1);
  await stuck.drain();
});

test("a submission that is being stored on shutdown is waited for, and due at once where nothing was begun", async () => {
  const stored = Promise.withResolvers<undefined>();
  const slow = outboxWith({
    async create(...args) {
      await stored.promise;
      return store.create(...args);
    },
  });
  const submitted = submit("a", slow);
  const drained = slow.drain();
  stored.resolve(undefined);
  await drained;
  expect(await submitted).toMatchObject({ state: "pending", attempts: 0 });
  expect(await submit("late", slow)).toMatchObject({ state: "pending", attempts: 0 });
  expect(asked).toEqual([]);
  passTime(1);
  expect(await run()).toMatchObject({ done: 1 });
  passTime(LEASE_MS);
  expect(await run()).toMatchObject({ done: 1 });
});

test("a submission that storage holds up on shutdown is pending, and in time", async () => {
  const held = Promise.withResolvers<boolean>();
  const slow = outboxWith({ settle: () => held.promise });
  const submitted = submit("a", slow);
  await expect.poll(() => asked.length).toBe(1);
  const drained = slow.drain();
  expect(await submitted).toMatchObject({ state: "pending", attempts: 0 });
  held.resolve(true);
  await drained;
});

describe("what is submitted", () => {
  test.each<[string, string]>([
    ["nothing", ""],
    ["a path", "a/b"],
    ["dots", ".."],
    ["65 characters", "x".repeat(65)],
  ])("has an identifier for an id, not %s", async (_, id) => {
    await expect(submit(id)).rejects.toThrow("The id of a message: expected 1 to 64 letters");
    expect(asked).toEqual([]);
  });

  test.each<[string, unknown]>([
    ["nothing", undefined],
    ["a function", () => "hello"],
    ["more than 16,000 characters", { text: "x".repeat(16_000) }],
  ])("has a payload of JSON, not %s", async (_, payload) => {
    const bad = outbox.submit({ id: "a", payload: payload as Letter });
    await expect(bad).rejects.toThrow("The payload of a message is JSON of up to 16000 characters.");
    expect(await outbox.get("a")).toBeUndefined();
  });

  test("is stored with the longest payload", async () => {
    const payload = { text: "é".repeat(15_989) };
    expect(await outbox.submit({ id: "a", payload })).toMatchObject({ state: "done", payload });
  });
});

test("a message whose stored payload is damaged is not sent, backs off, and keeps what is stored", async () => {
  answer = () => silence;
  await submit("a");
  const rows = await table();
  const damaged = '{"text": "hel';
  for await (const { partitionKey = "", rowKey = "" } of rows.listEntities()) {
    if (/^(message|pending):/.test(rowKey)) {
      await rows.updateEntity({ partitionKey, rowKey, payload: damaged }, "Merge");
    }
  }
  asked = [];
  passTime(5_000);
  const report = vi.fn();
  expect(await run(outboxWith({}, {}, report))).toMatchObject({ stillPending: 1, done: 0 });
  expect(asked).toEqual([]);
  expect(String(report.mock.calls[0])).toContain("The stored payload of the message a is damaged.");
  for await (const { rowKey = "", payload } of rows.listEntities<{ payload: string }>()) {
    if (/^(message|pending):/.test(rowKey)) expect(payload).toBe(damaged);
  }
});

test("a message that storage took long to accept is left to the timer", async () => {
  const slow = outboxWith({
    async create(...args) {
      const lease = await store.create(...args);
      passTime(23_000);
      return lease;
    },
  });
  expect(await submit("a", slow)).toMatchObject({ state: "pending", attempts: 0 });
  expect(asked).toEqual([]);
  passTime(LEASE_MS);
  expect(await run()).toMatchObject({ done: 1 });
});

test("what is submitted is kept by nobody", async () => {
  setFlagsFromString("--expose-gc");
  const collectGarbage = runInNewContext("gc") as () => void;
  collectGarbage();
  const { heapUsed } = process.memoryUsage();
  const many = outboxWith({
    create: (content) =>
      Promise.resolve({ message: newMessage(content, now(), now()), until: new Date(Date.now() + LEASE_MS) }),
    settle: () => Promise.resolve(true),
  });
  const text = "x".repeat(10_000);
  for (let i = 0; i < 10_000; i++) await many.submit({ id: `m-${i}`, payload: { text: `${text}${i}` } });
  collectGarbage();
  expect(process.memoryUsage().heapUsed - heapUsed).toBeLessThan(30_000_000);
  await many.drain(); // It is still in use.
});

test.each<[string, Partial<Destination<Letter>>]>([
  ["isDone", { isDone: () => expect.fail("a bug") }],
  ["request", { request: () => expect.fail("a bug") }],
])("a mistake in the destination's %s is reported, and the message backs off", async (_, to) => {
  const report = vi.fn();
  const wrong = outboxWith({}, to, report);
  expect(await submit("a", wrong)).toMatchObject({
    ...{ state: "pending", attempts: 1, reason: "no-response: an unexpected error, see the log" },
  });
  expect(report).toHaveBeenCalledTimes(1);
  passTime(2_001);
  expect(await run()).toMatchObject({ done: 1 });
});

describe("a run", () => {
  /** Requests to storage while this happens. */
  async function requestsOf(work: () => Promise<unknown>): Promise<number> {
    let requests = 0;
    const policy = {
      name: "count",
      sendRequest: (request: PipelineRequest, next: SendRequest) => {
        requests++;
        return next(request);
      },
    };
    (await opened()).pipeline.addPolicy(policy);
    await work();
    (await opened()).pipeline.removePolicy(policy);
    return requests;
  }
  /** The client that the outbox has. */
  const opened = async (): Promise<TableClient> => (kept ??= await table());
  let kept: TableClient | undefined;

  test("with nothing to do takes three requests", async () => {
    kept = undefined;
    const idle = createOutbox({ table: opened, destination });
    await run(idle);
    expect(await requestsOf(() => run(idle))).toBe(3);
  });

  test("finds a message whose marker is missing, sooner or later", async () => {
    answer = () => silence;
    await submit("a");
    const rows = await table();
    await rows.deleteEntity("marker", store.partitionOf("a"));
    passTime(5_000);
    answer = accept;
    let done = 0;
    for (let i = 0; i < 500 && done === 0; i++) done += (await run()).done;
    expect(done).toBe(1);
  });

  test("says how many messages are pending, and for how long the oldest has been", async () => {
    answer = () => silence;
    for (const id of ["a", "b", "c"]) await submit(id);
    passTime(90_000);
    const { pending, oldestSeconds } = await run();
    expect(pending).toBe(3);
    expect(oldestSeconds).toBeGreaterThanOrEqual(90);
  });

  test("tells no negative age", async () => {
    answer = () => silence;
    await submit("a");
    passTime(-2 * 3600_000);
    expect(await run()).toMatchObject({ pending: 1, oldestSeconds: 0 });
  });

  test("removes messages that ended before the retention, a partition at a time", async () => {
    for (const id of ["a", "b", "c"]) await submit(id);
    passTime(1_000);
    let removed = 0;
    for (let i = 0; i < 500 && removed < 3; i++) removed += (await run(outbox, { retentionMs: 0 })).removed;
    expect(removed).toBe(3);
    expect(await outbox.list()).toEqual({ messages: [] });
  });

  test("takes eighteen requests within minutes after others, and three after that", async () => {
    kept = undefined;
    const busy = createOutbox({ table: opened, destination });
    await Promise.all(Array.from({ length: 200 }, (_, i) => submit(`m-${i}`, busy)));
    expect(await requestsOf(() => run(busy))).toBe(18);
    const later = createMessageStore<Letter>(opened, { now: () => new Date(Date.now() + 4 * 60_000) });
    const idle = createOutbox({ table: opened, destination, store: later });
    await run(idle);
    expect(await requestsOf(() => run(idle))).toBe(3);
  });
});

describe("instances whose clocks differ by hours", () => {
  test.each([
    [0, 2],
    [2, 0],
    [0, -2],
    [2, -2],
  ])("%d and %d: never deliver one message at the same moment, and tell its age", async (one, other) => {
    const real = Date.now();
    const underWay = Promise.withResolvers<undefined>();
    const gate = Promise.withResolvers<undefined>();
    answer = async (id) => {
      underWay.resolve(undefined);
      await gate.promise;
      return accept(id);
    };
    vi.setSystemTime(real + one * 3600_000);
    const first = createOutbox({ table, destination });
    const submitted = submit("a", first);
    await underWay.promise;
    vi.setSystemTime(real + other * 3600_000);
    const second = createOutbox({ table, destination });
    const summary = await run(second);
    expect(summary).toMatchObject({ done: 0, pending: 1 });
    expect(summary.oldestSeconds).toBeLessThan(60);
    expect(asked).toEqual(["a"]);
    vi.setSystemTime(real + one * 3600_000);
    gate.resolve(undefined);
    expect(await submitted).toMatchObject({ state: "done" });
  });
});

test("does not start with a client whose calls may outlive their lease", () => {
  const client = (deadlineMs: number): ServiceClient =>
    Object.assign((): Promise<ServiceOutcome> => Promise.reject(new Error("unused")), { deadlineMs });
  expect(() => outboxWith({}, { client: client(15_001) })).toThrow("at most 15000 ms; this one has 15001 ms");
  expect(outboxWith({}, { client: client(15_000) })).toBeTypeOf("object");
});

function storageFailure(): Error {
  return new RestError("The table is being deleted.", { statusCode: 409, code: "TableBeingDeleted" });
}
