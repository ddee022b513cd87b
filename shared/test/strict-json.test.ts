import { describe, expect, test } from "vitest";
import { decodePart, fromCanonicalBase64Url, isUnambiguous } from "../authorization/strict-json.ts";

const part = (text: string | Buffer): string => Buffer.from(text).toString("base64url");

test("decodes base64url, UTF-8 and a JSON object", () => {
  expect(decodePart(part('{"a":"ä"}'))).toEqual({ text: '{"a":"ä"}', content: { a: "ä" } });
});

describe("does not decode", () => {
  test.each([
    ["nothing", ""],
    ["what is not UTF-8", part(Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d]))],
    ["half a surrogate pair, encoded", part(Buffer.from('{"a":"\xed\xa0\x80"}', "latin1"))],
    ["a byte order mark", part("\ufeff{}")],
    ["base64 that is not base64url", part('{"a":"???>>>"}').replace(/-/g, "+").replace(/_/g, "/")],
    ["padding", `${part('{"a":1}')}==`],
    ["a line feed", `${part("{}")}\n`],
    ["stray bits", `${part("{}").slice(0, -1)}1`],
    ["a list", part("[]")],
    ["null", part("null")],
    ["text", part('"{}"')],
    ["something after the object", part("{}{}")],
  ])("%s", (_, text) => {
    expect(decodePart(text)).toBeUndefined();
  });
});

test("no characters are no bytes: a signature that is left out is not an empty one", () => {
  expect(fromCanonicalBase64Url("")).toBeUndefined();
});

describe("can be read in one way only", () => {
  const isOneWay = (text: string): boolean | undefined => {
    const decoded = decodePart(part(text));
    return decoded && isUnambiguous(decoded);
  };
  test.each([
    '{"a":1,"b":{"a":2}}',
    '{"a":":","b":"x:y"}',
    '{"a:b":1}',
    '{ "a" : [ 1, { "b" : ":" } ] }',
    '{"a":"\\":","b":"\\\\"}',
    '{"a":"\\":"}',
    '{"__proto__":1}',
    '{"a":"\\u003a"}',
    '{"\\u003a":1}',
    '{"a":"x:y\\n"}',
    '{"a:b":"\\n"}',
    '{"a":{"b":1,"B":2}}',
    '{"a":{"a":{"a":{"a":{"a":{"a":{"a":1}}}}}}}',
  ])("%s", (text) => {
    expect(isOneWay(text)).toBe(true);
  });
  test.each([
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":{"a":1,"a":2}}',
    '{"x":[{"a":1,"a":2}]}',
    '{"a":":","a":""}',
    '{"a":"","a":":"}',
    '{"__proto__":1,"__proto__":2}',
    '{"a":1,"a":2,"b":"\\u003a"}',
    '{"a":1,"a":2,"\\u003a":3}',
    '{"\\u0061":"\\"","a":2}',
    '{"tid":1,"TID":2}',
    '{"tid":1,"t\\u0049d":2}',
    '{"kid":1,"\u212aid":2}',
    '{"sub":1,"\u017fub":2}',
    '{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}',
  ])("not %s", (text) => {
    expect(isOneWay(text)).toBe(false);
  });
});
