import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestSystem, type TestSystem } from "../../local/index.ts";

let system: TestSystem;
let app: { clientId: string; clientSecret: string; clientCertificateFile: string };

beforeAll(async () => {
  system = await startTestSystem();
  app = system.endpoints.identities["caller-app"] as typeof app;
});
afterAll(() => system.stop());

async function restartWith(settings: Record<string, string>): Promise<void> {
  await system.stopApp("caller-func");
  await system.startApp("caller-func", settings);
}

async function place(): Promise<{ status: number; body: Record<string, unknown> }> {
  const body = JSON.stringify({ sku: "widget", quantity: 1 });
  const response = await fetch(`${system.endpoints.caller}/api/orders`, { method: "POST", body });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

const requests = async (): Promise<Record<string, number>> =>
  (await (await fetch(`${system.endpoints.entra.control}/requests`)).json()) as Record<string, number>;

const control = (path: string, body: object): Promise<Response> =>
  fetch(`${system.endpoints.entra.control}/${path}`, { method: "POST", body: JSON.stringify(body) });

describe("an order crosses the restricted call as", () => {
  test.each<[string, () => Promise<Record<string, string>>, string]>([
    ["managed-identity", () => Promise.resolve({}), "caller-func"],
    ["client-secret", () => Promise.resolve({ CALLER_APP_CLIENT_SECRET: app.clientSecret }), "caller-app"],
    [
      "client-certificate",
      () => Promise.resolve({ CALLER_APP_CERTIFICATE_PATH: app.clientCertificateFile }),
      "caller-app",
    ],
    [
      "client-certificate", // its content, as a Key Vault reference gives it
      async () => ({ CALLER_APP_CERTIFICATE: await readFile(app.clientCertificateFile, "utf8") }),
      "caller-app",
    ],
    ["federated-identity", () => Promise.resolve({}), "caller-app"],
  ])("%s", async (kind, settings, identity) => {
    await restartWith({ CALLER_CREDENTIAL: kind, CALLER_APP_CLIENT_ID: app.clientId, ...(await settings()) });
    const before = await requests();
    const placed = await Promise.all(Array.from({ length: 20 }, place));
    expect(new Set(placed.map(({ status }) => status))).toEqual(new Set([201]));
    const after = await requests();
    if (identity === "caller-app") expect(after["token"]).toBe((before["token"] ?? 0) + 1);
    expect(system.log.filter((line) => line.includes("Token issued")).at(-1)).toBeDefined();
    expect(system.log.some((line) => line.includes(`Token issued to ${identity} for callee-func`))).toBe(true);
  });
});

test("starts anew after the callee refused its token: one 401, then a newer token, and the order is reserved", async () => {
  await restartWith({
    CALLER_CREDENTIAL: "client-secret",
    CALLER_APP_CLIENT_ID: app.clientId,
    CALLER_APP_CLIENT_SECRET: app.clientSecret,
  });
  expect((await place()).status).toBe(201);
  const before = await requests();
  // The callee takes tokens of another audience only, for a moment: the kept token is refused like an expired one.
  await system.stopApp("callee-func");
  await system.startApp("callee-func", {
    API_CLIENT_ID: "00000000-0000-4000-8000-000000000000",
    API_IDENTIFIER_URI: "api://other",
  });
  const refused = await place();
  expect(refused).toMatchObject({ status: 202, body: { state: "pending" } });
  expect(refused.body["reason"]).toMatch(/^the callee responded 401/);
  expect((await requests())["token"]).toBe((before["token"] ?? 0) + 1);
  await system.stopApp("callee-func");
  await system.startApp("callee-func");
  expect((await place()).status).toBe(201);
});

describe("a failure names its cause and its remedy", () => {
  const reasonOf = async (settings: Record<string, string>): Promise<string> => {
    await restartWith(settings);
    const { status, body } = await place();
    expect(status).toBe(202);
    return String(body["reason"]);
  };

  test("an identity without any role", async () => {
    const { clientId = "" } = system.endpoints.identities["no-role"] ?? {};
    const settings = { AZURE_CLIENT_ID: clientId };
    expect(await reasonOf(settings)).toMatch(/^no-token: this app is assigned no role.*assign it one.*AADSTS501051/);
  });
  test("a missing role", async () => {
    const { clientId = "" } = system.endpoints.identities["reader-only"] ?? {};
    const reason = await reasonOf({ AZURE_CLIENT_ID: clientId });
    expect(reason).toMatch(/^the callee responded 403 role-missing: grant this app the role.*within 24 hours/);
  });
  test("a caller that is not on the list", async () => {
    const { clientId = "" } = system.endpoints.identities["unlisted"] ?? {};
    expect(await reasonOf({ AZURE_CLIENT_ID: clientId })).toMatch(
      /^the callee responded 403 caller-not-allowed: put this/,
    );
  });
  test("a wrong secret, without the secret", async () => {
    const reason = await reasonOf({
      CALLER_CREDENTIAL: "client-secret",
      CALLER_APP_CLIENT_ID: app.clientId,
      CALLER_APP_CLIENT_SECRET: "not-the-secret",
    });
    expect(reason).toMatch(/^no-token: the client secret is wrong: the app needs the secret's value/);
    expect(system.log.join("\n")).not.toContain("not-the-secret");
  });
  test("an app registration that trusts another identity", async () => {
    const settings = { CALLER_CREDENTIAL: "federated-identity", CALLER_APP_CLIENT_ID: app.clientId };
    const { clientId = "" } = system.endpoints.identities["reader-only"] ?? {};
    expect(await reasonOf({ ...settings, AZURE_CLIENT_ID: clientId })).toMatch(
      /^no-token: no federated credential of the app/,
    );
  });
  test("Entra's own words where nothing is known about them", async () => {
    await control("faults", { endpoint: "token", mode: "garbage" });
    const reason = await reasonOf({
      CALLER_CREDENTIAL: "client-secret",
      CALLER_APP_CLIENT_ID: app.clientId,
      CALLER_APP_CLIENT_SECRET: app.clientSecret,
    });
    await control("faults", { endpoint: "token", mode: "ok" });
    expect(reason).toMatch(/^no-token: ./);
  });
});
