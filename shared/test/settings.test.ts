import { describe, expect, test } from "vitest";
import * as v from "valibot";
import { guid, guids, origin, readSettings, SettingsError, tableEndpoint } from "../settings.ts";

const GUID = "6f0c8f2e-0000-4000-8000-00000000000a";

test("reports everything that is wrong together, by name, and no value", () => {
  const read = () =>
    readSettings(
      "app",
      { TENANT: guid, CLIENT: guid, URL: origin, FINE: v.string(), SECRET: v.pipe(v.string(), v.minLength(50)) },
      { TENANT: "not-a-guid", URL: "ftp://x", FINE: "fine", SECRET: "hunter2" },
    );
  expect(read).toThrow(SettingsError);
  expect(read).toThrow(/TENANT is invalid: expected a GUID\n.*CLIENT is missing: expected a GUID\n.*URL is invalid/s);
  expect(read).toThrow(/SECRET is invalid/);
  for (const value of ["not-a-guid", "ftp://x", "hunter2", "FINE"]) {
    expect(read).not.toThrow(new RegExp(value));
  }
});

test("an empty setting counts as missing, and gets the default where there is one", () => {
  expect(() => readSettings("app", { TENANT: guid }, { TENANT: "" })).toThrow(/TENANT is missing/);
  expect(readSettings("app", { A: v.optional(v.string(), "default") }, { A: "" })).toEqual({ A: "default" });
});

test("GUIDs compare in lower case", () => {
  expect(
    readSettings("app", { A: guid, B: guids }, { A: GUID.toUpperCase(), B: `${GUID.toUpperCase()}, ${GUID}` }),
  ).toEqual({
    A: GUID,
    B: [GUID, GUID],
  });
});

describe("an origin", () => {
  test.each([
    "https://callee.azurewebsites.net",
    "http://127.0.0.1:7081",
    "http://localhost:7081",
    "http://[::1]:80801".slice(0, -1),
  ])("may be %s", (value) => {
    expect(readSettings("app", { URL: origin }, { URL: value })).toEqual({ URL: value });
  });
  test.each([
    "http://callee.azurewebsites.net",
    "https://callee.azurewebsites.net/",
    "https://callee.azurewebsites.net/api",
    "https://user:pw@callee.azurewebsites.net",
    "http://127.0.0.1.example.com",
    "callee.azurewebsites.net",
  ])("may not be %s", (value) => {
    expect(() => readSettings("app", { URL: origin }, { URL: value })).toThrow(/URL is invalid/);
  });
});

test.each(["a,b", `${GUID},`, ","])("a list of GUIDs may not be %j: a caller list is whole or refused", (value) => {
  expect(() => readSettings("app", { LIST: guids }, { LIST: value })).toThrow(/LIST is invalid/);
});

test("a table endpoint is https, without exception: it is asked with a token", () => {
  expect(() => readSettings("app", { T: tableEndpoint }, { T: "http://127.0.0.1:10002/x" })).toThrow(/T is invalid/);
});
