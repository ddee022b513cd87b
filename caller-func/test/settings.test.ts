import { afterEach, expect, test, vi } from "vitest";

const GUID = "00000000-0000-4000-8000-000000000001";
const good = {
  CALLEE_URL: "https://callee.azurewebsites.net",
  CALLEE_SCOPE: "api://callee/.default",
  ORDERS_TABLE_ENDPOINT: "https://account.table.core.windows.net",
  DELIVERY_SCHEDULE: "*/10 * * * * *",
};
const app = { AZURE_TENANT_ID: GUID, CALLER_APP_CLIENT_ID: GUID };
const secret = { ...app, CALLER_CREDENTIAL: "client-secret", CALLER_APP_CLIENT_SECRET: "secret" };
const certificate = { ...app, CALLER_CREDENTIAL: "client-certificate" };
const federated = { ...app, CALLER_CREDENTIAL: "federated-identity", AZURE_CLIENT_ID: GUID };

const PEM = /with a certificate and its RSA private key in PEM \(.*\)/.source;

afterEach(() => {
  vi.unstubAllEnvs();
});

test.each<[string, string, Record<string, string>, string]>([
  ["AZURE_CLIENT_ID", "wrong", {}, "a GUID"],
  ["CALLEE_URL", "wrong", {}, "an https:// origin without path or trailing slash"],
  ["CALLEE_SCOPE", "wrong", {}, "the service's App ID URI followed by /.default"],
  ["ORDERS_TABLE_ENDPOINT", "wrong", {}, "the https:// endpoint of a storage account's table service"],
  ["DELIVERY_SCHEDULE", "wrong", {}, "an NCRONTAB expression: six fields, seconds first"],
  ["RETENTION_DAYS", "wrong", {}, "for how many days finished orders are kept: 1 to 9999"],
  ["CALLER_CREDENTIAL", "wrong", {}, "managed-identity, client-secret, client-certificate or federated-identity"],
  ["AZURE_TENANT_ID", "wrong", secret, "a GUID"],
  ["CALLER_APP_CLIENT_ID", "wrong", secret, "a GUID"],
  ["AZURE_AUTHORITY_HOST", "wrong", secret, "an https:// origin without path or trailing slash"],
  ["AZURE_DISABLE_INSTANCE_DISCOVERY", "wrong", secret, "true or false"],
  ["CALLER_APP_CLIENT_SECRET", "", secret, "a client secret of the app registration (its value, not its id)"],
  ["CALLER_APP_CERTIFICATE", "wrong", certificate, `a text ${PEM}`],
  ["CALLER_APP_CERTIFICATE_PATH", "wrong", certificate, `the path of a file ${PEM}`],
  ["AZURE_CLIENT_ID", "wrong", federated, "a GUID"],
])("a wrong %s is told with the app's name and with what is expected", async (name, value, others, expected) => {
  vi.resetModules();
  for (const [key, setting] of Object.entries({ ...good, ...others, [name]: value })) vi.stubEnv(key, setting);
  const problem = await import("../src/settings.ts").then(() => "", String);
  const [headline, line, ...more] = problem.split("\n");
  expect(more).toEqual([]);
  expect(headline).toBe("SettingsError: These app settings of caller-func need attention:");
  const is = value === "" ? "missing" : "invalid";
  const literally = expected.includes(PEM) ? expected : expected.replace(/[().]/g, "\\$&");
  expect(line).toMatch(new RegExp(`^  - ${name} is ${is}: expected ${literally}$`));
});
