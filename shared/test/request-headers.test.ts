import { expect, test } from "vitest";
import { requireHeaders } from "../service-client/request-headers.ts";

test("takes headers of the caller's own", () => {
  expect(() => {
    requireHeaders({ "If-Match": '"1"', "x-correlation": "a b", Accept: "text/plain" });
    requireHeaders(undefined);
  }).not.toThrow();
});

test.each(["Authorization", "HOST", "content-length", "Transfer-Encoding", "connection", "traceparent", "Upgrade"])(
  "does not take %s, which the client sets",
  (name) => {
    expect(() => {
      requireHeaders({ [name]: "secret" });
    }).toThrow(new TypeError(`The header "${name}" is set by the client: leave it out.`));
  },
);

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    "a line break in a value",
    { "x-a": "secret\r\nAuthorization: Bearer x" },
    /characters that no HTTP header may have/,
  ],
  ["a line break in a name", { "x-a\r\nhost": "secret" }, /characters that no HTTP header may have/],
  ["an empty name", { "": "secret" }, /characters that no HTTP header may have/],
  ["no value", { "x-a": undefined }, /The header "x-a" is a undefined: expected a string/],
  ["a list", { "x-a": ["secret"] }, /The header "x-a" is a object: expected a string/],
])("does not take %s, and repeats no value", (_, headers, message) => {
  const check = () => {
    requireHeaders(headers as Record<string, string>);
  };
  expect(check).toThrow(TypeError);
  expect(check).toThrow(message);
  expect(check).not.toThrow(/secret/);
});
