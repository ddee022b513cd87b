import type { AccessToken } from "@azure/identity";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createTokenSource, type TokenSource } from "../identity/token-source.ts";

const HOUR = 3600_000;
const MINUTE = 60_000;

let requests: number;
let credentials: number;
let withoutCredential: boolean;
let next: () => Promise<AccessToken>;
let tokens: TokenSource;

beforeEach(() => {
  vi.useFakeTimers();
  [requests, credentials, withoutCredential] = [0, 0, false];
  next = () => Promise.resolve({ token: `token-${requests}`, expiresOnTimestamp: Date.now() + HOUR });
  const newCredential = () => {
    if (withoutCredential) return Promise.reject(new Error("no credential"));
    credentials++;
    return Promise.resolve({
      getToken: () => {
        requests++;
        return next();
      },
    });
  };
  tokens = createTokenSource(newCredential, "api://x/.default");
});
afterEach(() => vi.useRealTimers());

const failing = () => Promise.reject(new Error("Entra is down"));

test("1,000 first calls at once: one request, one token", async () => {
  const all = await Promise.all(Array.from({ length: 1000 }, () => tokens.get()));
  expect(new Set(all)).toEqual(new Set(["token-1"]));
  expect(requests).toBe(1);
});

test("one token for its lifetime, replaced in the background before it ends", async () => {
  await tokens.get();
  await vi.advanceTimersByTimeAsync(HOUR - 5 * MINUTE);
  expect(await tokens.get()).toBe("token-1");
  expect(requests).toBe(1);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  expect(await Promise.all([tokens.get(), tokens.get()])).toEqual(["token-1", "token-1"]); // nobody waits
  await vi.advanceTimersByTimeAsync(0);
  expect(await tokens.get()).toBe("token-2");
  expect({ requests, credentials }).toEqual({ requests: 2, credentials: 1 });
});

test("an outage of Entra is not felt while the token is valid; after that each call says so, and nothing goes unhandled", async () => {
  const unhandled = vi.fn();
  process.on("unhandledRejection", unhandled);
  await tokens.get();
  next = failing;
  await vi.advanceTimersByTimeAsync(HOUR - 3 * MINUTE);
  for (let i = 0; i < 100; i++) {
    expect(await tokens.get()).toBe("token-1");
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(requests).toBeLessThan(10);
  await vi.advanceTimersByTimeAsync(2 * MINUTE);
  await expect(tokens.get()).rejects.toThrow("Entra is down");
  vi.useRealTimers();
  await new Promise((resolve) => setImmediate(resolve));
  process.off("unhandledRejection", unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

test("recovers with the first request after an outage", async () => {
  next = failing;
  await expect(tokens.get()).rejects.toThrow("Entra is down");
  next = () => Promise.resolve({ token: "good", expiresOnTimestamp: Date.now() + HOUR });
  expect(await tokens.get()).toBe("good");
});

test("a credential that never answers is not waited for for ever", async () => {
  next = () => new Promise(() => undefined);
  const got = expect(tokens.get()).rejects.toThrow("no token within 10 s");
  await vi.advanceTimersByTimeAsync(10_000);
  await got;
});

test("a credential is made with the first token that is asked for; one that cannot be made is tried again", async () => {
  expect(credentials).toBe(0);
  withoutCredential = true;
  await expect(tokens.get()).rejects.toThrow("no credential");
  withoutCredential = false;
  expect(await tokens.get()).toBe("token-1");
  expect(credentials).toBe(1);
});

test("a refused token is dropped once, for all who had it, with a credential that has no cache", async () => {
  await tokens.get();
  const renewed = await Promise.all(Array.from({ length: 100 }, () => tokens.renew("token-1")));
  expect(new Set(renewed)).toEqual(new Set(["token-2"]));
  expect({ requests, credentials }).toEqual({ requests: 2, credentials: 2 });
});

test("a service that refuses every token causes one request in half a minute, not one with each call", async () => {
  let token = await tokens.get();
  for (let i = 0; i < 60; i++) {
    token = await tokens.renew(token);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(requests).toBe(3);
});
