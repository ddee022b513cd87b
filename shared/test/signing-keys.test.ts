import { setImmediate } from "node:timers/promises";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { SigningKeys } from "../authorization/signing-keys.ts";
import type { TenantKeys } from "../authorization/tenant-metadata.ts";
import { makeKey } from "../testing/tenant.ts";

const { publicKey: key } = await makeKey();
const issuers = { "1.0": "https://sts.example/", "2.0": "https://login.example/v2.0" };
const HOUR = 3600;

let now: number;
let published: string[] | Error;
const fetchKeys = vi.fn<() => Promise<TenantKeys>>();
const failures: unknown[] = [];
let keys: SigningKeys;

beforeEach(() => {
  now = 1_000_000;
  published = ["key-1"];
  failures.length = 0;
  fetchKeys.mockReset().mockImplementation(answer);
  keys = keysWith((error) => failures.push(error));
});

function keysWith(onFailure: (error: unknown) => unknown): SigningKeys {
  return new SigningKeys(fetchKeys, () => now, onFailure);
}

function answer(): Promise<TenantKeys> {
  if (published instanceof Error) return Promise.reject(published);
  return Promise.resolve({ issuers, keys: new Map(published.map((id) => [id, { key, fingerprint: id }])) });
}

/** Lets the tenant answer once it is told to, with what it publishes then. */
function holdAnswer(): () => void {
  const held = Promise.withResolvers<undefined>();
  fetchKeys.mockImplementation(() => held.promise.then(answer));
  return () => {
    held.resolve(undefined);
  };
}

/** Which key ids are known without asking. */
function currentIds(): string[] | undefined {
  const current = keys.current();
  return current && [...current.keys.keys()];
}

test("fetches the keys once for all who wait, however many they are while no key is known, and then no more", async () => {
  const release = holdAnswer();
  const found = Promise.all(Array.from({ length: 200 }, () => keys.find("key-1")));
  await setImmediate();
  release();
  expect((await found).every((lookup) => "key" in lookup)).toBe(true);
  await keys.find("key-1");
  expect(fetchKeys).toHaveBeenCalledTimes(1);
});

test("fetches the keys before anybody asks, once it is told to start", async () => {
  keys.start();
  await vi.waitFor(() => {
    expect(currentIds()).toEqual(["key-1"]);
  });
  expect(fetchKeys).toHaveBeenCalledTimes(1);
});

describe("rotation", () => {
  test("finds a new key at the latest one cooldown after its publication, also while forged key ids arrive", async () => {
    await keys.find("key-1");
    published = ["key-1", "key-2"];
    expect(await keys.find("key-2")).toEqual({ code: "unknown-key" });
    for (; now < 1_000_030; now++) expect(await keys.find(`forged-${now}`)).toEqual({ code: "unknown-key" });
    expect(await keys.find("key-2")).toMatchObject({ key });
    expect(fetchKeys).toHaveBeenCalledTimes(2);
  });

  test("finds a new key at once where the last attempt is longer ago than the cooldown", async () => {
    await keys.find("key-1");
    published = ["key-1", "key-2"];
    now += 30;
    expect(await keys.find("key-2")).toMatchObject({ key });
  });

  test("finds a new key one cooldown after its publication also where it was published while the tenant took its time", async () => {
    const release = holdAnswer();
    const first = keys.find("key-1");
    now += 9;
    release();
    await first;
    published = ["key-1", "key-2"];
    now += 21;
    expect(await keys.find("key-2")).toMatchObject({ key });
  });
});

describe("a withdrawn key", () => {
  test("is in use for an hour after it was last seen published", async () => {
    await keys.find("key-1");
    published = ["key-2"];
    now += HOUR - 1;
    expect(currentIds()).toEqual(["key-1"]);
    expect(fetchKeys).toHaveBeenCalledTimes(1);
  });

  test.each([1, 12, 23.9, 24, 100])("is not used any more %d hours later: whoever asks then waits", async (hours) => {
    await keys.find("key-1");
    published = ["key-2"];
    now += hours * HOUR;
    const release = holdAnswer();
    expect(currentIds()).toBeUndefined();
    const waiting = Promise.all(Array.from({ length: 200 }, () => keys.load("key-1")));
    expect(currentIds()).toBeUndefined();
    release();
    for (const current of await waiting) expect("keys" in current && [...current.keys.keys()]).toEqual(["key-2"]);
    expect(await keys.find("key-1")).toEqual({ code: "unknown-key" });
    expect(fetchKeys).toHaveBeenCalledTimes(2);
  });

  test("is counted from when the tenant was asked, not from its answer", async () => {
    const release = holdAnswer();
    const first = keys.find("key-1");
    now += 9;
    release();
    await first;
    now += HOUR - 9;
    expect(currentIds()).toBeUndefined();
  });
});

describe("refuses without asking anyone", () => {
  test("an unknown key id, while the tenant was asked a moment ago", async () => {
    expect(keys.refusedUntilCooldownEnds("forged")).toBeUndefined();
    await keys.find("key-1");
    expect(keys.refusedUntilCooldownEnds("forged")).toEqual({ code: "unknown-key" });
    expect(keys.refusedUntilCooldownEnds("key-1")).toBeUndefined();
    now += 30;
    expect(keys.refusedUntilCooldownEnds("forged")).toBeUndefined();
  });

  test("not while an answer is under way that may hold the key", () => {
    const found = keys.find("key-1");
    expect(keys.refusedUntilCooldownEnds("key-1")).toBeUndefined();
    return found;
  });
});

describe("forged key ids", () => {
  test("cause at most one request per cooldown", async () => {
    await keys.find("key-1");
    for (let id = 0; id < 1000; id++) {
      await keys.find(`forged-${id}`);
      now += 0.3;
    }
    expect(fetchKeys.mock.calls.length).toBeLessThanOrEqual(1 + 300 / 30);
  });

  test("wait for the tenant in bounded number; those beyond are answered at once, and known keys never wait", async () => {
    await keys.find("key-1");
    now += 30;
    const release = holdAnswer();
    const answers: unknown[] = [];
    const all = Array.from({ length: 400 }, async (_, id) => answers.push(await keys.find(`forged-${id}`)));
    expect(await keys.find("key-1")).toMatchObject({ key });
    await vi.waitFor(() => {
      expect(answers).toHaveLength(350);
    });
    expect(answers).toEqual(Array(350).fill({ code: "keys-unavailable", retryAfterSeconds: 1 }));
    release();
    await Promise.all(all);
    expect(answers.slice(350)).toEqual(Array(50).fill({ code: "unknown-key" }));
  });

  test("do not take the places of callers with a known key id, who wait because an hour is over", async () => {
    await keys.find("key-1");
    now += HOUR;
    const release = holdAnswer();
    const forged = Array.from({ length: 60 }, (_, id) => keys.load(`forged-${id}`));
    const good = keys.load("key-1");
    release();
    expect(await good).toMatchObject({ issuers });
    expect((await Promise.all(forged)).filter((outcome) => "code" in outcome)).toHaveLength(10);
  });

  test("that wait leave their places, also where the tenant does not answer", async () => {
    await keys.find("key-1");
    published = new Error("down");
    for (let round = 0; round < 3; round++) {
      now += 30;
      const release = holdAnswer();
      const waiting = Array.from({ length: 50 }, (_, id) => keys.find(`forged-${id}`));
      const beyond = await keys.find("forged");
      expect(beyond).toEqual({ code: "keys-unavailable", retryAfterSeconds: 1 });
      release();
      expect(await Promise.all(waiting)).toEqual(Array(50).fill({ code: "keys-unavailable", retryAfterSeconds: 30 }));
    }
  });
});

describe("while the keys cannot be had", () => {
  test("and none has ever been known, the tenant is asked again after 1, 2, 4 s and so on, up to the cooldown", async () => {
    published = new Error("down");
    for (const [index, seconds] of [1, 2, 4, 8, 16, 30, 30].entries()) {
      expect(await keys.find("key-1")).toEqual({ code: "keys-unavailable", retryAfterSeconds: seconds });
      now += seconds - 0.5;
      expect(await keys.load("key-1")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 1 });
      now += 0.5;
      expect(fetchKeys).toHaveBeenCalledTimes(index + 1);
    }
    published = ["key-1"];
    expect(await keys.find("key-1")).toMatchObject({ key });
    expect(failures).toHaveLength(7);
  });

  test("an unknown key id is not refused as unknown, but as unavailable, until when it is tried again", async () => {
    await keys.find("key-1");
    now += 30;
    published = new Error("down");
    expect(await keys.find("key-2")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 30 });
    now += 12;
    expect(await keys.find("key-2")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 18 });
    expect(keys.refusedUntilCooldownEnds("key-2")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 18 });
    expect(await keys.find("key-1")).toMatchObject({ key });
    expect(fetchKeys).toHaveBeenCalledTimes(2);
    expect(failures).toEqual([published]);
  });

  test("known keys stay in use for a day, and no longer", async () => {
    await keys.find("key-1");
    published = new Error("down");
    now += 24 * HOUR - 1;
    expect(await keys.find("key-1")).toMatchObject({ key });
    now += 1;
    expect(await keys.find("key-1")).toMatchObject({ code: "keys-unavailable" });
    expect(await keys.load("key-1")).toMatchObject({ code: "keys-unavailable" });
  });

  test("callers with a known key wait for the first failure, and then not, while others ask the tenant for them", async () => {
    await keys.find("key-1");
    published = new Error("down");
    now += HOUR;
    expect(currentIds()).toBeUndefined();
    expect(await keys.load("key-1")).toMatchObject({ issuers });
    for (let attempt = 2; attempt < 10; attempt++) {
      now += 30;
      const release = holdAnswer();
      expect(currentIds()).toEqual(["key-1"]);
      expect(fetchKeys).toHaveBeenCalledTimes(attempt + 1);
      now += 10;
      expect(currentIds()).toEqual(["key-1"]);
      release();
      await vi.waitFor(() => {
        expect(failures).toHaveLength(attempt);
      });
    }
  });

  test("a failure of long ago is no reason to use old keys: the tenant may answer again", async () => {
    await keys.find("key-1");
    published = new Error("down");
    now += HOUR;
    await keys.load("key-1");
    published = ["key-2"];
    now += 60;
    expect(currentIds()).toBeUndefined();
    expect(await keys.find("key-1")).toEqual({ code: "unknown-key" });
  });

  test("everything is as before once they can be had again", async () => {
    published = new Error("down");
    await keys.find("key-1");
    published = ["key-1"];
    now += 1;
    expect(await keys.find("key-1")).toMatchObject({ key });
    expect(await keys.find("other")).toEqual({ code: "unknown-key" });
  });

  test.each<[string, () => unknown]>([
    ["throws", () => expect.fail("thrown")],
    ["rejects", () => Promise.reject(new Error("rejected"))],
    ["never returns", () => new Promise(() => undefined)],
  ])("a callback that %s breaks nothing", async (_, onFailure) => {
    keys = keysWith(onFailure);
    published = new Error("down");
    keys.start();
    expect(await keys.find("key-1")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 1 });
    published = ["key-1"];
    now += 1;
    expect(await keys.find("key-1")).toMatchObject({ key });
  });
});
