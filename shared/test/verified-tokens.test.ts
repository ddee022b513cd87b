import { expect, test } from "vitest";
import type { Claims } from "../authorization/claims.ts";
import type { PublishedKey } from "../authorization/tenant-metadata.ts";
import { VerifiedTokens } from "../authorization/verified-tokens.ts";
import { makeKey } from "../testing/tenant.ts";

const NOW = 1_800_000_000;
const claims: Claims = {
  version: "2.0",
  issuer: "i",
  audience: "a",
  expires: NOW + 60,
  notBefore: undefined,
  issuedAt: undefined,
  isAppOnly: true,
  isKeyBound: false,
  clientAuthentication: undefined,
  caller: { appId: "c", objectId: "o", tenantId: "t", roles: [], tokenId: undefined, tokenIssuedAt: undefined },
  payload: {},
};
const token = { claims, keyId: "key-1", keyFingerprint: "fingerprint-1" };
const { publicKey: key } = await makeKey();
const published = new Map<string, PublishedKey>([["key-1", { key, fingerprint: "fingerprint-1" }]]);

function keep(count: number, useBetween?: (tokens: VerifiedTokens) => void): VerifiedTokens {
  const tokens = new VerifiedTokens();
  tokens.add("first", token);
  for (let index = 1; index < count; index++) {
    tokens.add(`token-${index}`, token);
    useBetween?.(tokens);
  }
  return tokens;
}

test("keeps what was used, however many come, and forgets what was not", () => {
  expect(keep(500).get("first", NOW, published)).toBe(claims);
  expect(keep(1000).get("first", NOW, published)).toBe(claims);
  expect(keep(1001).get("first", NOW, published)).toBeUndefined();
  expect(keep(5000, (tokens) => tokens.get("first", NOW, published)).get("first", NOW, published)).toBe(claims);
});

test("never keeps more than a thousand", () => {
  const tokens = keep(5000);
  const kept = Array.from({ length: 5000 }, (_, index) => tokens.get(`token-${index}`, NOW, published)).filter(Boolean);
  expect(kept.length).toBeLessThanOrEqual(1000);
  expect(kept.length).toBeGreaterThanOrEqual(500);
});

test("forgets a token that has ended, and one whose key is not published any more", () => {
  const tokens = new VerifiedTokens();
  tokens.add("a", token);
  expect(tokens.get("a", NOW + 59, published)).toBe(claims);
  expect(tokens.get("a", NOW + 60, published)).toBeUndefined();
  expect(tokens.get("a", NOW, published)).toBeUndefined();
  for (const others of [new Map(), new Map([["key-1", { key, fingerprint: "fingerprint-2" }]])]) {
    tokens.add("b", token);
    expect(tokens.get("b", NOW, others)).toBeUndefined();
    expect(tokens.get("b", NOW, published)).toBeUndefined();
  }
});
