import { generateKeyPair } from "jose";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { SigningKeys } from "../authorization/signing-keys.ts";
import type { TenantKeys } from "../authorization/tenant-metadata.ts";

const { publicKey: key } = await generateKeyPair("RS256");
const issuers = { "1.0": "https://sts.example/", "2.0": "https://login.example/v2.0" };

let now: number;
let published: string[] | Error;
const fetchKeys = vi.fn<() => Promise<TenantKeys>>();
const failures: unknown[] = [];
let keys: SigningKeys;

beforeEach(() => {
  now = 1_000_000;
  published = ["key-1"];
  failures.length = 0;
  fetchKeys.mockReset().mockImplementation(() => {
    if (published instanceof Error) return Promise.reject(published);
    return Promise.resolve({ issuers, keys: new Map(published.map((id) => [id, { key, fingerprint: id }])) });
  });
  keys = new SigningKeys(
    fetchKeys,
    () => now,
    (error) => failures.push(error),
  );
});

test("fetches the keys once for all who wait, and then no more", async () => {
  const found = await Promise.all(Array.from({ length: 50 }, () => keys.find("key-1")));
  expect(found.every((lookup) => "key" in lookup)).toBe(true);
  await keys.find("key-1");
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

  test("drops a withdrawn key within the hour", async () => {
    await keys.find("key-1");
    published = ["key-2"];
    now += 3600;
    keys.published(); // begins to fetch in the background
    await vi.waitFor(async () => {
      expect(await keys.find("key-1")).toEqual({ code: "unknown-key" });
    });
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

test("forged key ids cause at most one request per cooldown", async () => {
  await keys.find("key-1");
  for (let id = 0; id < 1000; id++) {
    await keys.find(`forged-${id}`);
    now += 0.3;
  }
  expect(fetchKeys.mock.calls.length).toBeLessThanOrEqual(1 + 300 / 30);
});

describe("while the keys cannot be had", () => {
  test("an unknown key id is not refused as unknown, but as unavailable, until when it is tried again", async () => {
    published = new Error("down");
    expect(await keys.find("key-1")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 30 });
    now += 12;
    expect(await keys.find("key-1")).toEqual({ code: "keys-unavailable", retryAfterSeconds: 18 });
    expect(await keys.load()).toBeUndefined();
    expect(fetchKeys).toHaveBeenCalledTimes(1);
    expect(failures).toEqual([published]);
  });

  test("known keys stay in use for a day, and no longer", async () => {
    await keys.find("key-1");
    published = new Error("down");
    now += 24 * 3600 - 1;
    expect(await keys.find("key-1")).toMatchObject({ key });
    now += 1;
    expect(await keys.find("key-1")).toMatchObject({ code: "keys-unavailable" });
    expect(await keys.load()).toBeUndefined();
  });

  test("an unknown key id beside known keys is unavailable too", async () => {
    await keys.find("key-1");
    now += 30;
    published = new Error("down");
    expect(await keys.find("key-2")).toMatchObject({ code: "keys-unavailable" });
    expect(await keys.find("key-1")).toMatchObject({ key });
  });

  test("everything is as before once they can be had again", async () => {
    published = new Error("down");
    await keys.find("key-1");
    published = ["key-1"];
    now += 30;
    expect(await keys.find("key-1")).toMatchObject({ key });
    expect(await keys.find("other")).toEqual({ code: "unknown-key" });
  });
});
