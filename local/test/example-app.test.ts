/** `examples/protect-an-existing-app`, with the packed package, on the embedded host and against the local Entra. */
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import type { Policy } from "@restricted-calls/shared/access-policy";
import { buildPackage } from "../../tools/package.ts";
import { compileExample, installExample } from "../../tools/testing/installed-package.ts";
import { identityOf, mint, startTestEntra, type TestEntra } from "./entra-fixture.ts";
import { type RunningHost, start } from "./host-fixture.ts";

const API = "invoices-func";
const CUSTOMERS = "customers-func";

const role = { id: "", description: "" };
const policy: Policy = {
  services: {
    [API]: { subnet: 0, roles: { "Invoices.Read": role }, callers: { "reports-func": ["Invoices.Read"] } },
    [CUSTOMERS]: { subnet: 1, roles: { "Customers.Read": role }, callers: { [API]: ["Customers.Read"] } },
    "reports-func": { subnet: 2, roles: {}, callers: {} },
  },
};

let folder: string;
let entra: TestEntra;
let customers: Server;
let asked: IncomingMessage[];
let settings: Record<string, string>;
let host: RunningHost;

beforeAll(async () => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "example-app-")));
  const app = join(folder, "app");
  installExample(await buildPackage(join(folder, "package")), app);
  expect(compileExample(app)).toBe("");

  entra = await startTestEntra({ policy });
  asked = [];
  customers = createServer((request, response) => {
    asked.push(request);
    response.end(JSON.stringify({ name: "Ada" }));
  });
  await new Promise<void>((resolve) => customers.listen(0, "127.0.0.1", resolve));
  const [api, other] = entra.directory.apis;
  settings = {
    AZURE_TENANT_ID: entra.tenantId,
    AZURE_AUTHORITY_HOST: entra.authority,
    AZURE_CLIENT_ID: identityOf(entra, API).clientId,
    API_CLIENT_ID: api?.clientId ?? "",
    API_IDENTIFIER_URI: api?.identifierUri ?? "",
    ALLOWED_CALLERS: identityOf(entra, "reports-func").clientId,
    CUSTOMERS_URL: `http://127.0.0.1:${(customers.address() as AddressInfo).port}`,
    CUSTOMERS_SCOPE: `${other?.identifierUri ?? ""}/.default`,
    IDENTITY_ENDPOINT: entra.managedIdentityEndpoint,
    IDENTITY_HEADER: entra.identityHeader,
    NODE_EXTRA_CA_CERTS: entra.certificates.caFile,
  };
  host = await start(app, { settings });
  return async () => {
    await host.stop();
    customers.closeAllConnections();
    customers.close();
    rmSync(folder, { recursive: true, force: true });
  };
}, 600_000);

async function responseTo(token?: string): Promise<[status: number, body: unknown]> {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(`${host.url}/api/invoices/7`, { headers });
  return [response.status, await response.json()];
}

test("a caller with the role is admitted, and the other service gets a token of the app", async () => {
  const token = await mint(entra, { as: "reports-func", api: API });
  const readBy = identityOf(entra, "reports-func").clientId;
  expect(await responseTo(token)).toEqual([200, { id: "7", customer: { name: "Ada" }, readBy }]);
  expect(asked.map(({ url }) => url)).toEqual(["/api/customers?invoice=7"]);
  const [, claims = ""] = asked[0]?.headers.authorization?.split(".") ?? [];
  expect(JSON.parse(Buffer.from(claims, "base64url").toString())).toMatchObject({
    azp: identityOf(entra, API).clientId,
    aud: entra.directory.apis[1]?.clientId,
    roles: ["Customers.Read"],
  });
});

test("others are refused, and the other service is not called", async () => {
  expect(await responseTo()).toMatchObject([401, { code: "no-credentials" }]);
  expect(await responseTo(await mint(entra, { as: "unlisted", api: API }))).toMatchObject([
    403,
    { code: "caller-not-allowed" },
  ]);
  const withoutRole = await mint(entra, { as: "reports-func", api: API, claims: { roles: [] } });
  expect(await responseTo(withoutRole)).toMatchObject([403, { code: "role-missing" }]);
  expect(asked).toHaveLength(1);
});

test("the app does not start without its settings, and names all that are missing", async () => {
  const rest = { ...settings, API_CLIENT_ID: "", ALLOWED_CALLERS: "", WEBSITE_SITE_NAME: "invoices" };
  await expect(start(host.folder, { settings: rest })).rejects.toThrow(
    /These app settings of invoices need attention:\n.*API_CLIENT_ID is missing.*\n.*ALLOWED_CALLERS is missing/,
  );
});
