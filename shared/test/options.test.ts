import { describe, expect, test } from "vitest";
import { createAuthorizer } from "../authorization/index.ts";
import { createGuard } from "../functions/index.ts";
import { createTokenSource } from "../identity/index.ts";
import { createServiceClient } from "../service-client/index.ts";

const TENANT = "6f0c8f2e-1111-4000-8000-000000000001";
const API = "6f0c8f2e-1111-4000-8000-000000000002";
const CALLER = "6f0c8f2e-1111-4000-8000-000000000003";

const ignore = (): void => undefined;
const good = {
  // Nothing answers there: whether keys can be had is not asked here.
  authority: "http://127.0.0.1:9",
  tenantId: TENANT,
  audiences: [API, `api://${TENANT}/callee-func`],
  allowedCallers: [CALLER],
  onKeyFailure: ignore,
};

/** As plain JavaScript, a cast or a setting that is missing would call it. */
const authorizer = createAuthorizer as (options: unknown) => unknown;
const client = createServiceClient as (options: unknown) => unknown;
const tokenSource = createTokenSource as (...args: unknown[]) => unknown;
const guard = createGuard as (...args: unknown[]) => (requirement: unknown, handler: unknown) => unknown;

describe("createAuthorizer starts", () => {
  test.each<[string, object]>([
    ["with what is required", {}],
    ["with an authority by https", { authority: "https://127.0.0.1:9" }],
    ["with callers left to roles and assignments", { allowedCallers: "any" }],
    ["with ids in capital letters", { tenantId: TENANT.toUpperCase(), allowedCallers: [CALLER.toUpperCase()] }],
    [
      "with defaults that are given as undefined",
      { minimumClientAuthentication: undefined, clockToleranceSeconds: undefined },
    ],
    ["with the ends of the clock tolerance", { clockToleranceSeconds: 300 }],
  ])("%s", (_, changes) => {
    expect(authorizer({ ...good, ...changes })).toBeTypeOf("function");
  });
});

describe("createAuthorizer does not start", () => {
  test.each<[string, object, RegExp]>([
    ["without an authority", { authority: undefined }, /authority is missing: expected an https:\/\/ origin/],
    ["with a trailing slash", { authority: `${good.authority}/` }, /authority is a string of 19 characters/],
    ["with a path", { authority: `${good.authority}/common` }, /authority is a string/],
    ["with plain http to another machine", { authority: "http://login.example" }, /authority is a string/],
    ["without a tenant", { tenantId: undefined }, /tenantId is missing: expected the tenant's id, a GUID/],
    ["with a tenant's name", { tenantId: "contoso.onmicrosoft.com" }, /tenantId is a string of 23 characters/],
    ["with all tenants", { tenantId: "common" }, /tenantId is a string/],
    ["with one audience as a string", { audiences: good.audiences[1] }, /audiences is a string .* expected a list/],
    ["without audiences", { audiences: [] }, /audiences is an empty list/],
    ["with an audience that is missing", { audiences: [API, undefined] }, /audiences\.1 is missing/],
    ["with an empty audience", { audiences: [""] }, /audiences\.0 is an empty string/],
    ["with an audience that is no id and no URI", { audiences: ["callee-func"] }, /audiences\.0 is a string/],
    ["without callers", { allowedCallers: undefined }, /allowedCallers is missing/],
    ["with an empty list of callers", { allowedCallers: [] }, /allowedCallers is an empty list.*nobody.*00000000-/],
    [
      "with callers as a string",
      { allowedCallers: CALLER },
      /allowedCallers is a string of 36 characters: expected a list/,
    ],
    ["with an empty setting, split", { allowedCallers: "".split(",") }, /allowedCallers\.0 is an empty string/],
    [
      "with a blank after the comma",
      { allowedCallers: `${CALLER}, ${API}`.split(",") },
      /allowedCallers\.1 is a string/,
    ],
    ["with a caller's name", { allowedCallers: [CALLER, "caller-func"] }, /allowedCallers\.1 is a string/],
    ["with any among others", { allowedCallers: ["any"] }, /allowedCallers\.0 is a string/],
    [
      "with unknown client authentication",
      { minimumClientAuthentication: "Secret" },
      /minimumClientAuthentication is a/,
    ],
    ["with null for a default", { minimumClientAuthentication: null }, /minimumClientAuthentication is null/],
    [
      "with a clock tolerance beyond its ceiling",
      { clockToleranceSeconds: 301 },
      /clockToleranceSeconds is 301: .*0 to 300/,
    ],
    ["with a negative clock tolerance", { clockToleranceSeconds: -1 }, /clockToleranceSeconds is -1/],
    ["with a clock tolerance that is no number", { clockToleranceSeconds: NaN }, /clockToleranceSeconds is NaN/],
    ["with a clock tolerance as a string", { clockToleranceSeconds: "60" }, /clockToleranceSeconds is a string/],
    ["without being told of key failures", { onKeyFailure: undefined }, /onKeyFailure is missing: expected a function/],
    ["with an option that there is not", { allowedCaller: [CALLER] }, /allowedCaller is no option: expected authority/],
  ])("%s", (_, changes, message) => {
    expect(() => authorizer({ ...good, ...changes })).toThrow(TypeError);
    expect(() => authorizer({ ...good, ...changes })).toThrow(message);
  });

  test("without options", () => {
    expect(() => authorizer(undefined)).toThrow(/the options are missing/);
  });

  test("and the message says all that is wrong, and no value", () => {
    const wrong = { ...good, tenantId: "hunter2", audiences: ["correct horse"], allowedCallers: ["battery staple"] };
    expect(() => authorizer(wrong)).toThrow(/tenantId .*\n.*audiences\.0 .*\n.*allowedCallers\.0/);
    for (const value of ["hunter2", "correct horse", "battery staple"]) {
      expect(() => authorizer(wrong)).not.toThrow(new RegExp(value));
    }
  });
});

describe("createGuard does not start", () => {
  test("without an authorizer, or with an audit sink that is none", () => {
    expect(() => guard(undefined)).toThrow(/authorize is missing: expected a function/);
    expect(() => guard(ignore, "console")).toThrow(/audit is a string/);
  });

  test.each<[string, unknown]>([
    ["without a role", undefined],
    ["with an empty role", ""],
    ["with a bare list", ["Records.Read"]],
    ["with an empty list of any", { anyOf: [] }],
    ["with any of a string", { anyOf: "Records.Read" }],
    ["with all of a list in which one is missing", { allOf: ["Records.Read", undefined] }],
    ["with assignment only as a string", { assignmentOnly: "false" }],
    ["with no assignment", { assignmentOnly: false }],
    ["with two requirements at once", { anyOf: ["Records.Read"], assignmentOnly: true }],
    ["with nothing", {}],
  ])("a function %s", (_, requirement) => {
    expect(() => guard(ignore)(requirement, ignore)).toThrow(/requirement.*: expected an app role/);
  });

  test("a function without a handler", () => {
    expect(() => guard(ignore)("Records.Read", undefined)).toThrow(/handler is missing: expected a function/);
  });
});

describe("createServiceClient", () => {
  const tokens = { get: () => Promise.resolve(""), renew: () => Promise.resolve("") };

  test.each(["https://callee.example", "http://127.0.0.1:7081", "http://localhost:7081", "http://[::1]:7081"])(
    "sends to %s",
    (origin) => {
      expect(client({ origin, tokens })).toBeTypeOf("function");
    },
  );

  test.each([
    ["by http to another machine", "http://callee.example"],
    ["by http to an address that only begins like this machine's", "http://127.0.0.1.example"],
    ["by http to all addresses of this machine", "http://0.0.0.0:7081"],
    ["to an origin with a path", "https://callee.example/api"],
    ["to an origin with a trailing slash", "https://callee.example/"],
    ["to a host without a scheme", "callee.example"],
    ["to nowhere", undefined],
  ])("does not start %s", (_, origin) => {
    expect(() => client({ origin, tokens })).toThrow(
      /origin is (missing|a string of \d+ characters): expected an https/,
    );
  });

  test("does not start without tokens", () => {
    expect(() => client({ origin: "https://callee.example" })).toThrow(
      /^These options of createServiceClient .*\n.*tokens is missing: expected a token source/,
    );
    expect(() => client({ origin: "https://callee.example", tokens: "abc" })).toThrow(/tokens is a string/);
  });

  test.each<[string, object]>([
    ["cannot renew a token", { get: tokens.get }],
    ["can do nothing else", { renew: tokens.renew }],
  ])("does not start with a token source that %s", (_, incomplete) => {
    expect(() => client({ origin: "https://callee.example", tokens: incomplete })).toThrow(/tokens is an object/);
  });
});

describe("limits of createServiceClient", () => {
  const tokens = { get: () => Promise.resolve(""), renew: () => Promise.resolve("") };
  test.each<[object, RegExp]>([
    [
      { deadlineMs: 0 },
      /limits\.deadlineMs is 0: expected whole numbers: deadlineMs and tryTimeoutMs from 100 to 300000/,
    ],
    [{ retries: 1.5 }, /limits\.retries is 1\.5/],
    [{ calls: Infinity }, /limits\.calls is Infinity/],
    [{ responseBytes: "1" }, /limits\.responseBytes is a string/],
    [{ timeout: 5 }, /limits\.timeout .* expected whole numbers/],
  ])("%o", (limits, message) => {
    expect(() => client({ origin: "https://callee.example", tokens, limits })).toThrow(message);
  });
});

test("createTokenSource does not start without a credential, or without a scope of an application", () => {
  expect(() => tokenSource(undefined, "api://x/.default")).toThrow(/newCredential is missing/);
  expect(() => tokenSource(ignore, undefined)).toThrow(/scope is missing: expected an App ID URI followed by/);
  expect(() => tokenSource(ignore, "api://x")).toThrow(/scope is a string/);
  expect(() => tokenSource(ignore, "/.default")).toThrow(/scope is a string/);
});
