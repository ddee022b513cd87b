import { describe, expect, test } from "vitest";
import { protectedService, serviceSettings } from "../service-client/index.ts";
import { readSettings } from "../settings.ts";

const GUID = "6f0c8f2e-1111-4000-8000-000000000001";
const good = { OTHER_API_URL: "https://other.example", OTHER_API_SCOPE: "api://other/.default" };

describe("protectedService", () => {
  test.each<[string, Record<string, string>]>([
    ["a managed identity", {}],
    ["a user-assigned identity", { AZURE_CLIENT_ID: GUID }],
    [
      "a client secret",
      {
        CALLER_CREDENTIAL: "client-secret",
        AZURE_TENANT_ID: GUID,
        CALLER_APP_CLIENT_ID: GUID,
        CALLER_APP_CLIENT_SECRET: "x",
      },
    ],
  ])("makes a client with %s", (_, settings) => {
    expect(protectedService("OTHER_API", { environment: { ...good, ...settings } })).toBeTypeOf("function");
  });

  test("reports all settings that are missing or wrong at once, and no value", () => {
    const environment = {
      CALLER_CREDENTIAL: "client-secret",
      AZURE_TENANT_ID: "hunter2",
      OTHER_API_URL: "http://other.example",
    };
    const make = () => protectedService("OTHER_API", { environment, app: "invoices" });
    expect(make).toThrow(
      [
        "These app settings of invoices need attention:",
        "  - AZURE_TENANT_ID is invalid: expected a GUID",
        "  - CALLER_APP_CLIENT_ID is missing: expected a GUID",
        "  - CALLER_APP_CLIENT_SECRET is missing: expected a client secret of the app registration (its value, not its id)",
        "  - OTHER_API_URL is invalid: expected an https:// origin without path or trailing slash",
        "  - OTHER_API_SCOPE is missing: expected the service's App ID URI followed by /.default",
      ].join("\n"),
    );
    expect(make).not.toThrow(/hunter2/);
  });

  test("reads settings that have other names, also those of the credential", () => {
    const settingNames = { OTHER_API_URL: "ITEMS_ORIGIN", CALLER_CREDENTIAL: "ITEMS_CREDENTIAL" };
    const make = (environment: Record<string, string>) =>
      protectedService("OTHER_API", { environment: { ...good, ...environment }, settingNames });
    expect(make({ ITEMS_ORIGIN: "https://items.example" })).toBeTypeOf("function");
    expect(() => make({ ITEMS_CREDENTIAL: "password" })).toThrow(
      /ITEMS_CREDENTIAL is invalid.*\n.*ITEMS_ORIGIN is missing/,
    );
  });

  test.each<[string, object, RegExp]>([
    ["", {}, /a prefix in capital letters/],
    ["other-api", {}, /a prefix in capital letters/],
    [
      "OTHER_API",
      { origin: "https://x.example" },
      /origin is no option: expected limits, app, environment, settingNames/,
    ],
    ["OTHER_API", { limits: { retries: -1 } }, /limits\.retries is -1/],
    ["OTHER_API", { settingNames: { OTHER_URL: "X" } }, /settingNames\.OTHER_URL .* expected .*OTHER_API_URL/],
  ])("does not start with the prefix '%s' and %o", (prefix, options, message) => {
    expect(() => protectedService(prefix, { environment: good, ...options })).toThrow(TypeError);
    expect(() => protectedService(prefix, { environment: good, ...options })).toThrow(message);
  });
});

test("serviceSettings lets an app report them together with its own", () => {
  const read = () =>
    readSettings("invoices", { ...serviceSettings("OTHER_API", {}), ...serviceSettings("ITEMS", {}) }, {});
  expect(read).toThrow(/OTHER_API_URL .*\n.*OTHER_API_SCOPE .*\n.*ITEMS_URL .*\n.*ITEMS_SCOPE /);
});
