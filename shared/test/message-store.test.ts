import { TableClient } from "@azure/data-tables";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startTestStorage, type TestStorage } from "../../local/index.ts";
import { type Message, retried } from "../outbox/message.ts";
import { createMessageStore, type Lease, type MessageStore } from "../outbox/message-store.ts";
import { openTable } from "../storage/table.ts";

interface Letter {
  readonly text: string;
}

let storage: TestStorage;
/** All messages in one partition. */
let store: MessageStore<Letter>;
/** The same table, without the store. */
let table: TableClient;
let count = 0;

const T0 = new Date("2026-01-01T00:00:00Z");
/** The clock of the stores. */
let time = T0;
const now = (): Date => time;
const at = (seconds: number): Date => new Date(T0.getTime() + seconds * 1000);
const DAY = 24 * 3600;
const ONLY = "00";
/** The partitions of three ids: they may never change. */
const PLACES = ["02", "01", "02"];
const payload: Letter = { text: "hello" };
const open = (): Promise<TableClient> => openTable(storage.endpoint, `messages${count}`, () => storage.credential)();

beforeAll(async () => {
  storage = await startTestStorage();
});
afterAll(() => storage.stop());
beforeEach(() => {
  count++;
  time = T0;
  store = createMessageStore(open, { partitions: 1, now });
  table = new TableClient(storage.endpoint, `messages${count}`, storage.credential);
});

/** Stored at T0, and due so many seconds later. */
async function created(id: string, due = 0, by = store): Promise<Lease<Letter>> {
  time = T0;
  const lease = await by.create({ id, payload }, due * 1000);
  if (lease === undefined) throw new Error(`${id} existed`);
  return lease;
}

type Ended = (message: Message<Letter>, second: number) => Message<Letter>;
const done: Ended = ({ dueAt, ...message }, second) => ({
  ...message,
  state: "done",
  endedAt: at(second),
  attempts: message.attempts + 1,
});
const stuck: Ended = ({ dueAt, ...message }, second) => ({
  ...message,
  state: "stuck",
  endedAt: at(second),
  reason: "no-response: X",
});
const refused: Ended = ({ dueAt, ...message }, second) => ({
  ...message,
  state: "refused",
  endedAt: at(second),
  reason: "box-full",
});
const leased = async (from: Date, until: Date, limit: number, by = store): Promise<readonly Lease<Letter>[]> => {
  time = from;
  return (await by.lease(ONLY, until, limit)).leases;
};
const idsOf = (leases: readonly Lease<Letter>[]): string[] => leases.map(({ message }) => message.id);

/** The keys of all rows but the marker. */
async function keys(): Promise<string[]> {
  const rows: string[] = [];
  for await (const { partitionKey, rowKey } of table.listEntities()) {
    if (partitionKey !== "marker") rows.push(rowKey ?? "");
  }
  return rows;
}

describe("the rows of a message", () => {
  test("are stored once", async () => {
    const { message } = await created("a");
    expect(await store.create(message, 0)).toBeUndefined();
    expect(await keys()).toEqual([
      "message:a",
      "pending:2026-01-01T00:00:00.000Z:a",
      "since:2026-01-01T00:00:00.000Z:a",
    ]);
    const { dueAt, ...stored } = message;
    expect(await store.get("a")).toEqual(stored);
    expect(await store.get("b")).toBeUndefined();
  });

  test("change together: pending, due again, finished, gone", async () => {
    const lease = await created("a");
    const again = { ...lease.message, attempts: 1, reason: "no-response: X", dueAt: at(30) };
    expect(await store.settle(lease, again)).toBe(true);
    expect(await keys()).toEqual([
      "message:a",
      "pending:2026-01-01T00:00:30.000Z:a",
      "since:2026-01-01T00:00:00.000Z:a",
    ]);
    const [second] = await leased(at(31), at(90), 10);
    if (second === undefined) throw new Error("not due");
    expect(second.message).toEqual({ ...again, dueAt: at(90) });
    const { reason, ...rest } = done(second.message, 32);
    expect(await store.settle(second, rest)).toBe(true);
    expect(await keys()).toEqual(["finished:2026-01-01T00:00:32.000Z:a", "message:a"]);
    expect(await store.get("a")).toEqual({ ...rest, history: [] }); // the old reason has not stayed behind
    expect(await store.removeFinished(ONLY, at(32))).toBe(0);
    expect(await store.removeFinished(ONLY, at(33))).toBe(1);
    expect(await keys()).toEqual([]);
  });

  test("are also right if a message is due again exactly when its lease ends", async () => {
    const lease = await created("a", 60);
    expect(await store.settle(lease, { ...lease.message, attempts: 1, dueAt: at(60) })).toBe(true);
    const [again] = await leased(at(61), at(121), 10);
    expect(again?.message).toMatchObject({ attempts: 1 });
    expect(await store.settle(lease, { ...lease.message, attempts: 2, dueAt: at(60) })).toBe(false);
  });

  test("keep how a message ended: reason, problem document, history", async () => {
    const lease = await created("a");
    const problem = { code: "box-full", detail: "2 letters fit.", status: 409, title: "Conflict" };
    const history = [{ what: "no-response: X", times: 3, first: T0.toISOString(), last: at(9).toISOString() }];
    const ended: Message<Letter> = { ...refused(lease.message, 9), problem, history, attempts: 4 };
    await store.settle(lease, ended);
    expect(await store.get("a")).toEqual(ended);
  });
});

test("what storage refuses for another reason than a race is an error", async () => {
  const content = { id: "a", payload: { text: "x".repeat(40_000) } };
  await expect(store.create(content, 0)).rejects.toThrow("exceeds the maximum allowed size");
});

test("a row that somebody has damaged is read, without what cannot be", async () => {
  await created("a");
  await table.updateEntity({ partitionKey: ONLY, rowKey: "message:a", history: "[{", problem: "x" }, "Merge");
  expect(await store.get("a")).toMatchObject({ payload, history: [], problem: { code: "unreadable" } });
  await table.updateEntity({ partitionKey: ONLY, rowKey: "message:a", history: "{}", payload: "{" }, "Merge");
  expect(await store.get("a")).toMatchObject({ payload: undefined, history: [] });
});

describe("a lease", () => {
  test("is given the longest due first, and to one only", async () => {
    await created("late", 20);
    await created("early", 10);
    await created("not-yet", 100);
    expect(idsOf(await leased(at(50), at(110), 10))).toEqual(["early", "late"]);
    expect(await leased(at(50), at(110), 10)).toEqual([]);
    expect(idsOf(await leased(at(111), at(171), 2))).toEqual(["not-yet", "early"]);
  });

  test("says whether more may be due", async () => {
    for (const id of ["a", "b", "c"]) await created(id);
    time = at(1);
    expect(await store.lease(ONLY, at(61), 2)).toMatchObject({ leases: [{}, {}], mayHaveMore: true });
    expect(await store.lease(ONLY, at(61), 2)).toMatchObject({ leases: [{}], mayHaveMore: false, isEmpty: false });
    await Promise.all((await leased(at(62), at(122), 3)).map((lease) => store.settle(lease, done(lease.message, 63))));
    expect(await store.lease(ONLY, at(122), 2)).toEqual({ leases: [], mayHaveMore: false, isEmpty: true });
  });

  test("of many at once never gives one message to two", async () => {
    await Promise.all(Array.from({ length: 30 }, (_, i) => created(`m-${i}`)));
    const all = await Promise.all([1, 2, 3, 4].map((i) => leased(at(10), at(70 + i), 20)));
    const ids = all.flatMap(idsOf);
    expect(new Set(ids).size).toBe(ids.length);
    const rest = await leased(at(10), at(80), 50);
    expect(ids.length + rest.length).toBe(30);
  });

  test("of several, one of which somebody else has just taken, is given for the others", async () => {
    for (const id of ["a", "b", "c"]) await created(id);
    let used = 0;
    const slow = createMessageStore<Letter>(
      async () => {
        if (++used === 2) await leased(at(10), at(70), 1);
        return table;
      },
      { partitions: 1, now },
    );
    expect(idsOf(await leased(at(10), at(71), 10, slow))).toEqual(["b", "c"]);
  });

  test("that ran out gives no right to store a result", async () => {
    const first = await created("a");
    const [second] = await leased(at(1), at(61), 1);
    if (second === undefined) throw new Error("not due");
    expect(await store.settle(first, stuck(first.message, 2))).toBe(false);
    expect(await store.get("a")).toMatchObject({ state: "pending" });
    expect(await store.settle(second, done(second.message, 3))).toBe(true);
    expect(await store.settle(second, done(second.message, 3))).toBe(false);
  });

  test("given back is due at once", async () => {
    await created("a");
    await store.release(await leased(at(1), at(61), 1), at(2));
    expect(await keys()).toContain("pending:2026-01-01T00:00:02.000Z:a");
    expect(idsOf(await leased(at(3), at(63), 1))).toEqual(["a"]);
  });
});

describe("a stuck message", () => {
  test("is not due; revived, it is, and only one of two has revived it", async () => {
    const lease = await created("a");
    await store.settle(lease, stuck(lease.message, 1));
    expect(await keys()).toEqual(["message:a", "stuck:2026-01-01T00:00:01.000Z:a"]);
    expect(await leased(at(DAY), at(2 * DAY), 1)).toEqual([]);
    const revive = () => store.revive("a", (message) => retried(message, at(DAY)));
    const both = await Promise.all([revive(), revive()]);
    expect(both.filter((message) => message !== undefined)).toHaveLength(1);
    expect(idsOf(await leased(at(DAY + 1), at(2 * DAY), 1))).toEqual(["a"]);
    expect(await store.revive("nothing", (message) => message)).toBeUndefined();
  });

  test("is revived once, also where another one is done between reading and storing", async () => {
    const lease = await created("a");
    await store.settle(lease, stuck(lease.message, 1));
    const revive = (by: MessageStore<Letter>, second: number) =>
      by.revive("a", (message) => retried(message, at(second)));
    let used = 0;
    const slow = createMessageStore<Letter>(
      async () => {
        if (++used === 2) await revive(store, DAY);
        return table;
      },
      { partitions: 1, now },
    );
    expect(await revive(slow, DAY + 1)).toBeUndefined();
    expect(await keys()).toEqual([
      "message:a",
      "pending:2026-01-02T00:00:00.000Z:a",
      "since:2026-01-02T00:00:00.000Z:a",
    ]);
  });

  test("stays as it is where it is not to be changed", async () => {
    const lease = await created("a");
    await store.settle(lease, stuck(lease.message, 1));
    expect(await store.revive("a", () => undefined)).toBeUndefined();
    expect(await store.get("a")).toMatchObject({ state: "stuck" });
  });
});

describe("a refused message that a person retries", () => {
  const retry = (id: string, second: number): Promise<Message<Letter> | undefined> =>
    store.revive(id, (message) => retried(message, at(second)));

  test("is pending, and retention does not remove it", async () => {
    const lease = await created("a");
    await store.settle(lease, refused(lease.message, 1));
    const other = await created("b");
    await store.settle(other, refused(other.message, 2));
    expect(await retry("a", DAY)).toMatchObject({ state: "pending" });
    expect(await keys()).toEqual([
      "finished:2026-01-01T00:00:02.000Z:b",
      "message:a",
      "message:b",
      "pending:2026-01-02T00:00:00.000Z:a",
      "since:2026-01-02T00:00:00.000Z:a",
    ]);
    expect(await store.removeFinished(ONLY, at(40 * DAY))).toBe(1);
    expect(idsOf(await leased(at(40 * DAY), at(41 * DAY), 10))).toEqual(["a"]);
    expect(await store.get("a")).toMatchObject({ state: "pending" });
  });

  test("no longer says why it was refused", async () => {
    const lease = await created("a");
    await store.settle(lease, { ...refused(lease.message, 1), problem: { code: "box-full" } });
    expect(await store.get("a")).toMatchObject({ problem: { code: "box-full" } });
    await retry("a", DAY);
    expect(await store.get("a")).not.toHaveProperty("problem");
    expect(await store.get("a")).not.toHaveProperty("reason");
    expect(await store.get("a")).not.toHaveProperty("endedAt");
  });

  test("ends again, is retried again, and is removed when it has ended for good", async () => {
    const lease = await created("a");
    await store.settle(lease, refused(lease.message, 1));
    for (const day of [1, 2]) {
      await retry("a", day * DAY);
      const [again] = await leased(at(day * DAY + 1), at(day * DAY + 61), 1);
      if (again === undefined) throw new Error("not due");
      await store.settle(again, refused(again.message, day * DAY + 2));
    }
    expect(await keys()).toEqual(["finished:2026-01-03T00:00:02.000Z:a", "message:a"]);
    expect(await store.removeFinished(ONLY, at(3 * DAY))).toBe(1);
    expect(await keys()).toEqual([]);
  });

  test("while retention removes it is one or the other, and never half of both", async () => {
    for (let i = 0; i < 10; i++) {
      const lease = await created(`m-${i}`);
      await store.settle(lease, refused(lease.message, i));
    }
    const [removed, ...retries] = await Promise.all([
      store.removeFinished(ONLY, at(DAY)),
      ...Array.from({ length: 10 }, (_, i) => retry(`m-${i}`, DAY)),
    ]);
    const pending = retries.filter((message) => message !== undefined).length;
    expect(removed + pending).toBe(10);
    expect(await keys()).toHaveLength(3 * pending);
  });
});

test("removes, of several, those that nobody has retried meanwhile", async () => {
  for (const id of ["a", "b"]) {
    const lease = await created(id);
    await store.settle(lease, refused(lease.message, 1));
  }
  let used = 0;
  const slow = createMessageStore<Letter>(
    async () => {
      if (++used === 2) await store.revive("a", (message) => retried(message, at(DAY)));
      return table;
    },
    { partitions: 1, now },
  );
  expect(await slow.removeFinished(ONLY, at(DAY))).toBe(1);
  expect(await keys()).toEqual(["message:a", "pending:2026-01-02T00:00:00.000Z:a", "since:2026-01-02T00:00:00.000Z:a"]);
});

test("removes finished messages by when they ended, and none that is not", async () => {
  for (let i = 0; i < 60; i++) {
    const lease = await created(`m-${i}`);
    await store.settle(lease, done(lease.message, i));
  }
  await created("open");
  const parked = await created("parked");
  await store.settle(parked, stuck(parked.message, 0));
  expect(await store.removeFinished(ONLY, at(55))).toBe(50); // a transaction's worth
  expect(await store.removeFinished(ONLY, at(55))).toBe(5);
  expect(await store.removeFinished(ONLY, at(55))).toBe(0);
  expect((await store.list(undefined)).messages.map(({ id }) => id)).toEqual([
    ...["m-55", "m-56", "m-57", "m-58", "m-59"],
    ...["open", "parked"],
  ]);
});

describe("a message that is due later than any wait allows", () => {
  const HOUR = 3600;

  test("is due now, and one that waits as long as it may is not", async () => {
    await created("ahead", 2 * HOUR);
    await created("waits", 15 * 60);
    expect(idsOf(await leased(at(0), at(60), 10))).toEqual(["ahead"]);
  });

  test("is found beside others that are due, and behind a page of others that wait", async () => {
    await created("ahead", 2 * HOUR);
    for (const id of ["a", "b"]) await created(id, 1);
    for (const id of ["w-1", "w-2", "w-3"]) await created(id, 600);
    expect(idsOf(await leased(at(2), at(62), 4)).sort()).toEqual(["a", "ahead", "b"]);
  });

  test("is found once, also where a page has it twice", async () => {
    await created("ahead", 2 * HOUR);
    for (const id of ["w-1", "w-2"]) await created(id, 600);
    expect(idsOf(await leased(at(2), at(62), 3))).toEqual(["ahead"]);
  });
});

describe("the clock of storage", () => {
  afterEach(() => vi.useRealTimers());

  test.each([2, -2])("tells the time where this machine's is %d hours ahead", async (hours) => {
    const real = Date.now();
    vi.setSystemTime(real + hours * 3600_000);
    const clocked = createMessageStore<Letter>(open, { partitions: 1 });
    await clocked.marked();
    expect(Math.abs(clocked.now().getTime() - real)).toBeLessThan(60_000);
  });
});

describe("the backlog", () => {
  test("is nothing where there is nothing", async () => {
    expect(await store.list(undefined)).toEqual({ messages: [] });
    expect(await store.backlog(ONLY)).toEqual({ pending: 0, oldest: undefined });
  });

  test("counts pending messages, and finds the oldest whatever its due time", async () => {
    time = at(-9);
    await store.create({ id: "oldest", payload }, DAY * 1000);
    time = T0;
    await Promise.all(Array.from({ length: 150 }, (_, i) => created(`m-${i}`)));
    expect(await store.backlog(ONLY)).toEqual({ pending: 100, oldest: at(-9) });
  });

  test("is no longer that of a message which ended", async () => {
    const lease = await created("a");
    await store.settle(lease, done(lease.message, 1));
    expect(await store.backlog(ONLY)).toMatchObject({ pending: 0 });
  });
});

describe("a marker", () => {
  const after = (minutes: number): void => {
    time = new Date(Date.now() + minutes * 60_000);
  };
  const look = async (): Promise<void> => {
    const [marker] = await store.marked();
    await store.lease(ONLY, new Date(time.getTime() + 60_000), 1, marker);
  };
  const ended = async (id: string, by = store): Promise<void> => {
    const lease = await created(id, 0, by);
    await by.settle(lease, done(lease.message, 1));
  };

  test("names the partition of a pending message, before the message is stored", async () => {
    const failing = createMessageStore<Letter>(
      async () =>
        Object.assign(Object.create(await open()) as TableClient, {
          submitTransaction: () => Promise.reject(new Error("no transaction")),
        }),
      { partitions: 1, now },
    );
    await expect(created("a", 0, failing)).rejects.toThrow("no transaction");
    expect(await store.marked()).toMatchObject([{ partition: ONLY }]);
  });

  test("stays as long as a message is pending", async () => {
    await created("a");
    after(60);
    await look();
    expect(await store.marked()).toHaveLength(1);
  });

  test("is removed when it is old and nothing is pending, and written again before the next message", async () => {
    await ended("a");
    after(2);
    await look();
    expect(await store.marked()).toHaveLength(1);
    after(4);
    await look();
    expect(await store.marked()).toEqual([]);
    await created("b", 0, createMessageStore<Letter>(open, { partitions: 1, now }));
    expect(await store.marked()).toHaveLength(1);
  });

  test("is not removed if somebody has written it meanwhile", async () => {
    await ended("a");
    const [marker] = await store.marked();
    await ended("b", createMessageStore<Letter>(open, { partitions: 1, now }));
    after(4);
    await store.lease(ONLY, new Date(time.getTime() + 60_000), 1, marker);
    expect(await store.marked()).toHaveLength(1);
  });

  test("that is missing is written by whoever finds a pending message", async () => {
    await created("a");
    await table.deleteEntity("marker", ONLY);
    await look();
    expect(await store.marked()).toHaveLength(1);
  });
});

describe("in sixteen partitions", () => {
  let spread: MessageStore<Letter>;
  beforeEach(() => {
    spread = createMessageStore(open, { now });
  });
  const fill = (ids: readonly string[]): Promise<Lease<Letter>[]> =>
    Promise.all(ids.map((id) => created(id, 0, spread)));
  const many = (prefix: string, length: number): string[] => Array.from({ length }, (_, i) => `${prefix}-${i}`);

  async function listed(state?: "pending" | "stuck" | "done"): Promise<{ ids: string[]; pages: number }> {
    const ids: string[] = [];
    let token: string | undefined;
    let pages = 0;
    do {
      const page = await spread.list(state, token);
      ids.push(...page.messages.map(({ id }) => id));
      token = page.continuationToken;
      pages++;
    } while (token !== undefined);
    return { ids: ids.sort(), pages };
  }

  test("messages are spread by a hash of their id, always the same", () => {
    const used = new Set(many("m", 200).map((id) => spread.partitionOf(id)));
    expect([...used].sort()).toEqual([...spread.partitions]);
    expect(spread.partitions).toHaveLength(16);
    expect(["m-0", "order-1", "a"].map((id) => spread.partitionOf(id))).toEqual(PLACES);
  });

  test("lists page by page, each message once", async () => {
    const ids = many("m", 230);
    await fill(ids);
    expect(await listed()).toEqual({ ids: ids.sort(), pages: 3 });
    expect(await listed("pending")).toEqual({ ids: ids.sort(), pages: 3 });
    expect(await listed("done")).toEqual({ ids: [], pages: 1 });
  });

  test("lists pending and stuck messages without reading finished ones", async () => {
    const leases = await fill(many("m", 120));
    await Promise.all(leases.slice(0, 117).map((lease) => spread.settle(lease, done(lease.message, 1))));
    await Promise.all(leases.slice(117, 119).map((lease) => spread.settle(lease, stuck(lease.message, 1))));
    const read: string[] = [];
    const client = await open();
    client.pipeline.addPolicy({
      name: "read",
      async sendRequest(request, next) {
        const response = await next(request);
        read.push(...((response.bodyAsText ?? "").match(/"RowKey":"\w+/g) ?? []));
        return response;
      },
    });
    spread = createMessageStore(() => Promise.resolve(client), { now });
    expect(await listed("pending")).toEqual({ ids: ["m-119"], pages: 1 });
    expect(await listed("stuck")).toEqual({ ids: ["m-117", "m-118"], pages: 1 });
    expect(read).toEqual(['"RowKey":"pending', '"RowKey":"stuck', '"RowKey":"stuck']);
  });

  test.each(["", "99.", "x", "-1.", "07.nonsense"])("the continuation token %j is refused", async (token) => {
    await expect(spread.list(undefined, token).then(({ messages }) => messages)).rejects.toThrow(/./);
  });
});

describe("rows of the version after", () => {
  const v2 = {
    ...{ version: 2, payload: JSON.stringify(payload), state: "pending", createdAt: T0, pendingSince: T0 },
    ...{ attempts: 0, colour: "red" },
  };

  test("are shown, left alone, and hide nothing behind them", async () => {
    await created("today", 5);
    for (let i = 0; i < 12; i++) {
      const id = `new-${i}`;
      await table.createEntity({ partitionKey: ONLY, rowKey: `message:${id}`, id, ...v2 });
      await table.createEntity({ partitionKey: ONLY, rowKey: `pending:${T0.toISOString()}:${id}`, id, ...v2 });
    }
    const finished = { partitionKey: ONLY, rowKey: `finished:${T0.toISOString()}:gone`, version: 2, id: "gone" };
    await table.createEntity(finished);
    await table.createEntity({ partitionKey: ONLY, rowKey: "message:gone", id: "gone", ...v2, state: "done" });
    const before = await keys();
    expect(idsOf(await leased(at(10), at(70), 1))).toEqual(["today"]);
    expect(await store.get("new-1")).toMatchObject({ id: "new-1", payload, state: "pending" });
    expect(await store.removeFinished(ONLY, at(DAY))).toBe(0);
    expect((await keys()).filter((key) => !key.includes("today"))).toEqual(
      before.filter((key) => !key.includes("today")),
    );
  });

  test("due later than any wait, are left alone", async () => {
    await table.createTable();
    await table.createEntity({ partitionKey: ONLY, rowKey: `pending:${at(DAY).toISOString()}:new`, id: "new", ...v2 });
    expect(await leased(at(1), at(61), 10)).toEqual([]);
  });

  test("stuck, are not revived: 503 newer-row", async () => {
    await table.createTable();
    const rowKey = "message:new";
    await table.createEntity({ partitionKey: ONLY, rowKey, id: "new", ...v2, state: "stuck" });
    const revived = store.revive("new", (message) => retried(message, at(1)));
    await expect(revived).rejects.toThrow("newer-row");
  });

  test("a column more in a row of today's version stays, also in its copies", async () => {
    const { message } = await created("a");
    for (const rowKey of ["message:a", `pending:${T0.toISOString()}:a`]) {
      await table.updateEntity({ partitionKey: ONLY, rowKey, colour: "red" }, "Merge");
    }
    await store.release(await leased(at(1), at(61), 1), at(2));
    const [again] = await leased(at(3), at(63), 1);
    if (again === undefined) throw new Error("not due");
    await store.settle(again, { ...message, dueAt: at(30) });
    expect(await table.getEntity(ONLY, `pending:${at(30).toISOString()}:a`)).toMatchObject({ colour: "red" });
    const [last] = await leased(at(31), at(91), 1);
    if (last === undefined) throw new Error("not due");
    await store.settle(last, stuck(last.message, 32));
    expect(await table.getEntity(ONLY, `stuck:${at(32).toISOString()}:a`)).toMatchObject({ colour: "red" });
    await store.revive("a", (parked) => retried(parked, at(33)));
    const [revived] = await leased(at(34), at(94), 1);
    if (revived === undefined) throw new Error("not due");
    await store.settle(revived, done(revived.message, 35));
    expect(await table.getEntity(ONLY, "message:a")).toMatchObject({ colour: "red", state: "done" });
  });
});
