import { expect, test } from "vitest";
import { problemCode } from "../service-client/index.ts";

test.each<[string, unknown, string | undefined]>([
  ["a code", { code: "role-missing" }, "role-missing"],
  ["the longest code", { code: "x".repeat(64) }, "x".repeat(64)],
  ["a longer one", { code: "x".repeat(65) }, undefined],
  ["an empty one", { code: "" }, undefined],
  ["one that begins with another character", { code: "!x" }, undefined],
  ["one that ends with another character", { code: "x!" }, undefined],
  ["a code that is no text", { code: ["x"] }, undefined],
  ["no code", {}, undefined],
  ["null", null, undefined],
  ["a text", "code", undefined],
  ["no body", undefined, undefined],
])("the code of a problem document with %s", (_, body, code) => {
  expect(problemCode(body)).toBe(code);
});
