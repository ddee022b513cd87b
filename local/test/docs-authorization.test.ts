import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Tenant } from "@restricted-calls/shared/testing/tenant";
import { typeErrors } from "../../tools/testing/type-check.ts";
import { blocksOf } from "./docs-pages.ts";
import { type RunningHost, stage, start } from "./host-fixture.ts";

const root = join(import.meta.dirname, "..", "..");
const sample = blocksOf(readFileSync(join(root, "docs", "authorization.md"), "utf8")).find(
  ({ language }) => language === "ts",
);
const text = sample?.text ?? "";

test("the sample of the page compiles as strictly as the rest", () => {
  expect(typeErrors(new Map([[join(root, "callee-func", "src", "sample-of-the-page.ts"), text]]))).toEqual([]);
}, 60_000);

describe("the sample of the page, run", () => {
  const other = "6f0c8f2e-9999-4000-8000-000000000009";
  let tenant: Tenant;
  let folder: string;
  let host: RunningHost;
  const settings = (): Record<string, string> => ({
    AZURE_TENANT_ID: tenant.tenantId,
    AZURE_AUTHORITY_HOST: tenant.authority,
    API_CLIENT_ID: tenant.apiClientId,
    API_IDENTIFIER_URI: tenant.identifierUri,
    ALLOWED_CALLERS: `${other}, ${tenant.callerId} `,
  });

  beforeAll(async () => {
    tenant = await Tenant.start();
    folder = await stage(text);
    host = await start(folder, { settings: settings() });
  });
  afterAll(async () => {
    await host.stop();
    await rm(folder, { recursive: true });
    tenant.stop();
  });

  async function answerTo(token?: string): Promise<[status: number, body: unknown]> {
    const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const response = await fetch(`${host.url}/api/reports/7`, { headers });
    return [response.status, await response.json()];
  }

  test("lets in a caller that is listed after a comma and a blank, and gives its id", async () => {
    const roles = ["Reports.Read"];
    expect(await answerTo(tenant.token({ roles }))).toEqual([200, { id: "7", readBy: tenant.callerId }]);
    expect(await answerTo(tenant.token({ roles, azp: other }))).toEqual([200, { id: "7", readBy: other }]);
  });

  test("lets in nobody else", async () => {
    expect(await answerTo()).toMatchObject([401, { code: "no-credentials" }]);
    expect(await answerTo(tenant.token({ roles: ["Reports.Write"] }))).toMatchObject([403, { code: "role-missing" }]);
    const stranger = tenant.token({ roles: ["Reports.Read"], azp: "6f0c8f2e-9999-4000-8000-000000000008" });
    expect(await answerTo(stranger)).toMatchObject([403, { code: "caller-not-allowed" }]);
  });

  test.each(["", " ", ",", "caller-func"])("does not start with the callers '%s'", async (ALLOWED_CALLERS) => {
    await expect(start(folder, { settings: { ...settings(), ALLOWED_CALLERS } })).rejects.toThrow(
      /ALLOWED_CALLERS is (missing|invalid): expected GUIDs separated by commas/,
    );
  });
});
