import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { otherCloud } from "../hooks/cloud.ts";
import { judge } from "../hooks/directory-permissions.ts";
import { mistakes } from "../hooks/environment.ts";

const good = { AZURE_ENV_NAME: "dev", AZURE_LOCATION: "westeurope", DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32" };

describe("before provisioning", () => {
  it("finds nothing wrong with the least that is needed", () => {
    expect(mistakes(good)).toEqual([]);
  });

  it("finds nothing wrong with everything that can be set", () => {
    const all = {
      ...good,
      DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32,2001:db8::/32",
      INGRESS_ADDRESS_RANGES: "192.0.2.0/24",
      PLAN_SKU: "P1v3",
      MINIMUM_INSTANCES: "2",
      MAXIMUM_INSTANCES: "2",
      ZONE_REDUNDANT: "true",
      SUBNET_PREFIX_LENGTH: "26",
      CALLER_CREDENTIAL: "federated-identity",
      APP_SERVICE_AUTHENTICATION: "true",
      LOG_RETENTION_DAYS: "90",
      API_CLIENT_IDS: '{"callee-func":"00000000-0000-0000-0000-000000000004"}',
    };
    expect(mistakes(all)).toEqual([]);
  });

  it.each([
    ["DEPLOYER_ADDRESS_RANGES", "", /is missing.*azd env set DEPLOYER_ADDRESS_RANGES/],
    ["DEPLOYER_ADDRESS_RANGES", "203.0.113.7", /'203\.0\.113\.7', which is no address range/],
    ["DEPLOYER_ADDRESS_RANGES", "203.0.113.7/32, 198.51.100.1/32", /' 198\.51\.100\.1\/32', which is no address range/],
    ["INGRESS_ADDRESS_RANGES", "0.0.0.0/0", /lets everybody in/],
    ["INGRESS_ADDRESS_RANGES", "128.0.0.0/1", /lets everybody in/],
    ["INGRESS_ADDRESS_RANGES", "::/0", /lets everybody in/],
    ["PLAN_SKU", "Y1", /one of EP1, EP2/],
    ["MINIMUM_INSTANCES", "0", /a number from 1 to 20/],
    ["MAXIMUM_INSTANCES", "many", /a number from 1 to 100/],
    ["ZONE_REDUNDANT", "yes", /one of true, false/],
    ["SUBNET_PREFIX_LENGTH", "29", /from 24 to 28/],
    ["CALLER_CREDENTIAL", "client-secret", /one of managed-identity, federated-identity/],
    ["LOG_RETENTION_DAYS", "7", /from 30 to 730/],
    ["API_CLIENT_IDS", "callee-func=1", /not JSON of client ids/],
    ["AZURE_LOCATION", "", /azd sets it/],
  ])("names %s where it is '%s', and says what to do", (name, value, message) => {
    expect(mistakes({ ...good, [name]: value })).toEqual([expect.stringMatching(message)]);
  });

  it("refuses another cloud than the public one", () => {
    expect(otherCloud([undefined, undefined])).toBeUndefined();
    expect(otherCloud([undefined, "AzureCloud"])).toBeUndefined();
    expect(otherCloud(["AzureChinaCloud", undefined])).toMatch(/AzureChinaCloud.*public cloud only: azd config unset/);
    expect(otherCloud(["AzureCloud", "AzureUSGovernment"])).toMatch(/AzureUSGovernment.*azd env config unset/);
  });

  it("ends with an exit code that stops azd", () => {
    const script = join(import.meta.dirname, "..", "hooks", "before-provision.ts");
    const environment = { ...process.env, ENTRA_PERMISSIONS_CHECK: "off", ...good };
    const run = (DEPLOYER_ADDRESS_RANGES: string): number | null =>
      spawnSync(process.execPath, [script], { env: { ...environment, DEPLOYER_ADDRESS_RANGES } }).status;
    expect([run(""), run("203.0.113.7/32")]).toEqual([1, 0]);
  });
});

describe("the permission to register applications and to assign their roles", () => {
  it.each([
    ["a Cloud Application Administrator has it", { wids: ["158c047a-c907-4556-b7ef-446551a6b5f7"] }, { known: true }],
    [
      "an app with both application permissions has it",
      { roles: ["Application.ReadWrite.OwnedBy", "AppRoleAssignment.ReadWrite.All"] },
      { known: true },
    ],
    ["is not known where the token names no directory roles", {}, { known: false }],
  ])("%s", (_what, claims, verdict) => {
    expect(judge(claims)).toEqual(verdict);
  });

  it("is missing for a user without a directory role, who learns which", () => {
    expect(judge({ wids: ["b79fbf4d-3ef9-4689-8143-76b194e85509"] }).missing).toMatch(
      /Cloud Application Administrator/,
    );
  });

  it("is missing for an app with one of the two permissions, which learns the other", () => {
    const { missing } = judge({ idtyp: "app", roles: ["Application.ReadWrite.All"] });
    expect(missing).toMatch(/AppRoleAssignment\.ReadWrite\.All$/);
  });
});

describe("after deploying, and before tearing down", () => {
  const services = ["callee-func", "caller-func"].map((name) => ({
    name,
    siteName: `${name}-abc`,
    url: `https://${name}-abc.azurewebsites.net`,
  }));
  const run = (hook: string, environment: Record<string, string>): string =>
    spawnSync(process.execPath, [join(import.meta.dirname, "..", "hooks", hook)], {
      encoding: "utf8",
      env: { ...process.env, SERVICES: JSON.stringify(services), AZURE_TENANT_ID: "t", ...environment },
    }).stdout;

  it("says where the services are and what to try", () => {
    const said = run("after-deploy.ts", { AZURE_RESOURCE_GROUP: "rg-dev" });
    expect(said).toContain("az functionapp keys list --resource-group rg-dev --name caller-func-abc");
    expect(said).toContain("curl -i https://caller-func-abc.azurewebsites.net/api/orders");
  });

  it("names the app registrations that stay behind", () => {
    const said = run("before-down.ts", { CALLER_CREDENTIAL: "federated-identity", AZURE_ENV_NAME: "dev" });
    expect(said).toContain("az ad app delete --id api://t/callee-func-abc\n");
    expect(said).toContain('--display-name "caller-func as a client (dev)"');
  });

  it("leaves an administrator's app registrations alone", () => {
    expect(run("before-down.ts", { API_CLIENT_IDS: '{"callee-func":"x"}' })).toBe("");
  });
});
