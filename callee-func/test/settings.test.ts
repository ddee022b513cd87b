import { afterEach, describe, expect, test, vi } from "vitest";

const GUID = "00000000-0000-4000-8000-000000000001";
const good = {
  AZURE_TENANT_ID: GUID,
  AZURE_CLIENT_ID: GUID,
  API_CLIENT_ID: GUID,
  API_IDENTIFIER_URI: "api://callee",
  ALLOWED_CALLERS: GUID,
  INVENTORY_TABLE_ENDPOINT: "https://account.table.core.windows.net",
};

afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the app says of its settings as it starts: each wrong one, and the stock that it takes. */
async function startedWith(environment: Record<string, string>): Promise<{ says: string; stock?: unknown }> {
  vi.resetModules();
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  try {
    const { settings } = await import("../src/settings.ts");
    return { says: "", stock: settings.INITIAL_STOCK };
  } catch (error) {
    return { says: String(error) };
  }
}

test.each([
  ["AZURE_TENANT_ID", "a GUID"],
  ["AZURE_CLIENT_ID", "a GUID"],
  ["AZURE_AUTHORITY_HOST", "an https:// origin without path or trailing slash"],
  ["API_CLIENT_ID", "a GUID"],
  ["API_IDENTIFIER_URI", "an App ID URI, api://..."],
  ["ALLOWED_CALLERS", "GUIDs separated by commas"],
  ["DENIED_CALLERS", "GUIDs separated by commas"],
  ["MINIMUM_CLIENT_AUTHENTICATION", "public, secret or certificate"],
  ["REPORT_ONLY_UNTIL", "a date, YYYY-MM-DD, at most 90 days ahead"],
  ["INVENTORY_TABLE_ENDPOINT", "the https:// endpoint of a storage account's table service"],
  ["INITIAL_STOCK", 'units by SKU as JSON, such as {"widget": 100}: SKUs as in routes, of each 0 to 1000000000 units'],
])("a wrong %s is told with the app's name and with what is expected", async (name, expected) => {
  const { says } = await startedWith({ ...good, [name]: "wrong" });
  expect(says).toBe(
    `SettingsError: These app settings of callee-func need attention:\n  - ${name} is invalid: expected ${expected}`,
  );
});

describe("INITIAL_STOCK follows the rules of the API", () => {
  test.each([
    ['{"widget": 1000, "gadget": 0}', { widget: 1000, gadget: 0 }],
    ['{"a.b_c-1": 1000000000}', { "a.b_c-1": 1_000_000_000 }],
    ['{"constructor": 1, "prototype": 2}', { constructor: 1, prototype: 2 }],
    ["{}", {}],
    ["", {}],
  ])("%s", async (INITIAL_STOCK, stock) => {
    expect(await startedWith({ ...good, INITIAL_STOCK })).toEqual({ says: "", stock });
  });

  test.each([
    '{"a/b ü": 1}',
    '{"": 1}',
    '{"-a": 1}',
    '{"__proto__": 1}',
    '{"constructor": -1}',
    `{"${"a".repeat(65)}": 1}`,
    '{"widget": 1000000001}',
    '{"widget": -1}',
    '{"widget": 1.5}',
    '{"widget": "1"}',
    '{"widget": null}',
    '{"widget": 1, "a b": 1}',
    "[5]",
    "[]",
    "5",
    "null",
    "{",
  ])("not %s", async (INITIAL_STOCK) => {
    expect((await startedWith({ ...good, INITIAL_STOCK })).says).toContain("INITIAL_STOCK is invalid");
  });
});
