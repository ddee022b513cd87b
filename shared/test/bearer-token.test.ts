import { describe, expect, test } from "vitest";
import { readHeader } from "../authorization/access-token.ts";
import { isB64Token, readBearerToken } from "../authorization/bearer-token.ts";

const none = new URLSearchParams();

describe("takes the token from the Authorization header", () => {
  test.each([
    "Bearer abc.def.ghi",
    "bearer abc.def.ghi",
    "BEARER abc.def.ghi",
    "Bearer   abc.def.ghi",
    "Bearer abc.def.ghi ",
  ])("%j", (header) => {
    expect(readBearerToken(header, none)).toEqual({ token: "abc.def.ghi" });
  });
});

describe("finds no credentials", () => {
  test.each([
    ["no header", null],
    ["an empty header", ""],
    ["blanks", "  "],
    ["another scheme", "Basic YWxhZGRpbjpvcGVuc2VzYW1l"],
    ["another scheme with parameters", 'Digest username="a", realm="b"'],
    ["a scheme that only begins like it", "Bearerabc.def.ghi"],
    ["a scheme that only ends like it", "NotBearer abc.def.ghi"],
  ])("%s", (_, header) => {
    expect(readBearerToken(header, none)).toEqual({ code: "no-credentials" });
  });

  test("a token in the query, and none in the header", () => {
    expect(readBearerToken(null, new URLSearchParams("access_token=abc.def.ghi"))).toEqual({ code: "no-credentials" });
  });
});

describe("refuses as malformed", () => {
  test.each([
    ["no token", "Bearer"],
    ["no token after a blank", "Bearer "],
    ["two tokens", "Bearer abc.def.ghi jkl.mno.pqr"],
    ["two headers", "Bearer abc.def.ghi, Bearer abc.def.ghi"],
    ["two headers without a blank between", "Bearer abc.def.ghi,Bearer abc.def.ghi"],
    ["two headers, the second of another scheme", "Bearer abc.def.ghi, Basic YWxhZGRpbjpvcGVuc2VzYW1l"],
    ["two headers, the first of another scheme", "Basic YWxhZGRpbjpvcGVuc2VzYW1l, Bearer abc.def.ghi"],
    ["the same without a blank between", "Basic YWxhZGRpbjpvcGVuc2VzYW1l,Bearer abc.def.ghi"],
    ["the same without a token", "Basic YWxhZGRpbjpvcGVuc2VzYW1l, Bearer"],
    ["two headers, the second empty", "Bearer abc.def.ghi, "],
    ["a tab for the blank", "Bearer\tabc.def.ghi"],
  ])("%s", (_, header) => {
    expect(readBearerToken(header, none)).toEqual({ code: "malformed-credentials" });
  });

  test.each([
    ["quotes", '"abc.def.ghi"'],
    ["a character outside b64token", "abc.d€f.ghi"],
    ["padding in the middle", "abc=.def.ghi"],
  ])("by whoever reads the token: %s", (_, token) => {
    expect(isB64Token(token)).toBe(false);
    expect(readHeader(token)).toEqual({ code: "malformed-credentials" });
  });

  test("a second token in the query", () => {
    expect(readBearerToken("Bearer abc.def.ghi", new URLSearchParams("access_token=abc.def.ghi"))).toEqual({
      code: "malformed-credentials",
    });
  });
});
