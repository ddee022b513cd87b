import "../../tools/testing/example-system.ts";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { otherCloud } from "../azd.ts";
import { assess } from "../hooks/directory-permissions.ts";
import { isPrepared, mistakes } from "../hooks/environment.ts";

/** What there is when azd provision is the first command: it asks for the location after the hook. */
const good = { AZURE_ENV_NAME: "dev", RESTRICTED_DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32" };
const id = "00000000-0000-0000-0000-00000000000a";

/** All names that main.bicepparam reads, without azd's own. */
const names = [
  ...readFileSync(join(import.meta.dirname, "..", "main.bicepparam"), "utf8").matchAll(
    /readEnvironmentVariable\('(?!AZURE_)(\w+)'/g,
  ),
].map(([, name = ""]) => name);

describe("before provisioning", () => {
  it("finds nothing wrong with the least that is needed", () => {
    expect(mistakes(good)).toEqual([]);
  });

  it("finds nothing wrong with everything that can be set", () => {
    const all = {
      ...good,
      RESTRICTED_DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32,2001:db8::/32",
      RESTRICTED_INGRESS_ADDRESS_RANGES: "192.0.2.0/24",
      RESTRICTED_PLAN_SKU: "P1v3",
      RESTRICTED_MINIMUM_INSTANCES: "2",
      RESTRICTED_MAXIMUM_INSTANCES: "2",
      RESTRICTED_ADDRESS_SPACE: "10.20.0.0/16",
      RESTRICTED_ALERT_EMAIL_ADDRESSES: "a@example.com,b@example.com",
      RESTRICTED_RESOURCE_TAGS: '{"cost-center":"42"}',
      RESTRICTED_CALLER_CLIENT_IDS: `{"caller-func":"${id}"}`,
      RESTRICTED_ZONE_REDUNDANT: "true",
      RESTRICTED_SUBNET_PREFIX_LENGTH: "26",
      RESTRICTED_CALLER_CREDENTIAL: "federated-identity",
      RESTRICTED_APP_SERVICE_AUTHENTICATION: "true",
      RESTRICTED_LOG_RETENTION_DAYS: "90",
      RESTRICTED_LOG_DAILY_CAP_GIGABYTES: "50",
      RESTRICTED_API_CLIENT_IDS: '{"callee-func":"00000000-0000-0000-0000-000000000004"}',
    };
    expect(mistakes(all)).toEqual([]);
  });

  it("reads no general name, which a shell may hold for something else", () => {
    expect(names.filter((name) => !name.startsWith("RESTRICTED_"))).toEqual([]);
  });

  it("takes an empty value for a missing one, which is azd's only way to unset it", () => {
    expect(names.length).toBeGreaterThan(10);
    for (const name of names.filter((each) => each !== "RESTRICTED_DEPLOYER_ADDRESS_RANGES")) {
      expect([name, mistakes({ ...good, [name]: "" })]).toEqual([name, []]);
    }
  });

  it("finds nonsense in every value that has a rule", () => {
    for (const name of names.filter((each) => each !== "RESTRICTED_SERVICE_MANAGEMENT_REFERENCE")) {
      expect(mistakes({ ...good, [name]: "non,sense" })).toEqual([expect.stringMatching(new RegExp(`^${name} .+$`))]);
    }
  });

  it.each([
    ["", false],
    ["{}", false],
    ["{ }", false],
    [`{"callee-func":"${id}"}`, true],
    ["not JSON", true],
  ])(
    "takes the directory for prepared by RESTRICTED_API_CLIENT_IDS='%s': %s",
    (RESTRICTED_API_CLIENT_IDS, prepared) => {
      expect(isPrepared({ RESTRICTED_API_CLIENT_IDS })).toBe(prepared);
      if (!prepared) expect(mistakes({ ...good, RESTRICTED_API_CLIENT_IDS })).toEqual([]);
    },
  );

  it.each(["dev", "dev.1", "Dev_(2)", "a".repeat(64)])("takes %s as an environment's name", (AZURE_ENV_NAME) => {
    expect(mistakes({ ...good, AZURE_ENV_NAME })).toEqual([]);
  });

  it.each(["10.0.0.0/16", "10.0.0.0/8", "192.168.4.0/23", "172.16.0.0/12"])(
    "takes %s as the address space",
    (space) => {
      expect(mistakes({ ...good, RESTRICTED_ADDRESS_SPACE: space })).toEqual([]);
    },
  );

  it.each([
    [
      { RESTRICTED_ZONE_REDUNDANT: "true", RESTRICTED_MINIMUM_INSTANCES: "1" },
      /RESTRICTED_MINIMUM_INSTANCES is 1, but several zones need at least 2/,
    ],
    [
      { RESTRICTED_MINIMUM_INSTANCES: "5", RESTRICTED_MAXIMUM_INSTANCES: "4" },
      /RESTRICTED_MAXIMUM_INSTANCES is 4, below the minimum/,
    ],
    [
      { RESTRICTED_SUBNET_PREFIX_LENGTH: "27" },
      /is 27, too few addresses for 20 instances: azd env set RESTRICTED_SUBNET_PREFIX_LENGTH 26/,
    ],
    [
      { RESTRICTED_SUBNET_PREFIX_LENGTH: "27", RESTRICTED_PLAN_SKU: "P1v3", RESTRICTED_MINIMUM_INSTANCES: "14" },
      /too few addresses for 14 instances/,
    ],
  ])("refuses values that do not go together: %j", (values, message) => {
    expect(mistakes({ ...good, ...values })).toEqual([expect.stringMatching(message)]);
  });

  it.each([
    ["AZURE_ENV_NAME", "dev.", /no \. at the end/],
    ["AZURE_ENV_NAME", "de v", /cannot name a resource group/],
    ["AZURE_ENV_NAME", "a".repeat(65), /1 to 64/],
    ["AZURE_ENV_NAME", "", /azd sets it/],
    ["RESTRICTED_ADDRESS_SPACE", "10.0.0.0", /one range of IPv4 addresses with a prefix length/],
    ["RESTRICTED_ADDRESS_SPACE", "fd00::/16", /one range of IPv4 addresses/],
    ["RESTRICTED_ADDRESS_SPACE", "10.0.0.0/16,10.1.0.0/16", /one range of IPv4 addresses/],
    [
      "RESTRICTED_ADDRESS_SPACE",
      "10.0.1.0/16",
      /not the first of the range: azd env set RESTRICTED_ADDRESS_SPACE 10\.0\.0\.0\/16/,
    ],
    ["RESTRICTED_ADDRESS_SPACE", "169.254.0.0/16", /may have addresses of 169\.254\.0\.0\/16/],
    ["RESTRICTED_ADDRESS_SPACE", "168.63.0.0/16", /168\.63\.129\.16\/32/],
    ["RESTRICTED_ADDRESS_SPACE", "127.1.0.0/16", /127\.0\.0\.0\/8/],
    ["RESTRICTED_ADDRESS_SPACE", "239.0.0.0/16", /224\.0\.0\.0\/4/],
    ["RESTRICTED_ADDRESS_SPACE", "10.0.0.0/24", /too small.*up to 1\. A prefix length of 23 or less/],
    ["RESTRICTED_ALERT_EMAIL_ADDRESSES", "a@example.com, b@example.com", /' b@example\.com', which is no mail address/],
    ["RESTRICTED_ALERT_EMAIL_ADDRESSES", "a@example.com;b@example.com", /by commas without spaces/],
    ["RESTRICTED_INGRESS_ADDRESS_RANGES", "203.0.113.7/24", /Use 203\.0\.113\.0\/24, or 203\.0\.113\.7\/32/],
    ["RESTRICTED_MINIMUM_INSTANCES", "02", /a number from 1 to 20/],
    ["RESTRICTED_API_CLIENT_IDS", "[]", /must be a JSON object of client ids/],
    ["RESTRICTED_API_CLIENT_IDS", `{"callee-func":"${"-".repeat(36)}"}`, /must be a JSON object of client ids/],
    ["RESTRICTED_API_CLIENT_IDS", `{"other-func":"${id}"}`, /no client id for callee-func/],
    ["RESTRICTED_RESOURCE_TAGS", '{"cost":1}', /must be a JSON object of texts by name/],
    ["RESTRICTED_RESOURCE_TAGS", '["cost"]', /must be a JSON object of texts by name/],
    ["RESTRICTED_RESOURCE_TAGS", '{"a/b":"1"}', /contains 'a\/b', which Azure refuses/],
    ["RESTRICTED_RESOURCE_TAGS", '{"Azure-cost":"1"}', /does not begin with microsoft, azure or windows/],
    ["RESTRICTED_RESOURCE_TAGS", JSON.stringify({ cost: "x".repeat(257) }), /a text has up to 256/],
    ["RESTRICTED_ENTRA_PERMISSIONS_CHECK", "no", /one of on, off/],
    ["RESTRICTED_DEPLOYER_ADDRESS_RANGES", "", /is missing.*azd env set RESTRICTED_DEPLOYER_ADDRESS_RANGES/],
    ["RESTRICTED_DEPLOYER_ADDRESS_RANGES", "203.0.113.7", /'203\.0\.113\.7', which is no address range/],
    [
      "RESTRICTED_DEPLOYER_ADDRESS_RANGES",
      "203.0.113.7/32, 198.51.100.1/32",
      /' 198\.51\.100\.1\/32', which is no address range/,
    ],
    [
      "RESTRICTED_DEPLOYER_ADDRESS_RANGES",
      "198.51.100.0/24,203.0.113.128/25",
      /addresses of the external caller partner-gateway, which must not reach the SCM sites/,
    ],
    ["RESTRICTED_DEPLOYER_ADDRESS_RANGES", "3fff:a:0:1::/64", /addresses of the external caller partner-gateway/],
    ["RESTRICTED_INGRESS_ADDRESS_RANGES", "0.0.0.0/0", /too large/],
    ["RESTRICTED_INGRESS_ADDRESS_RANGES", "128.0.0.0/1", /too large/],
    ["RESTRICTED_INGRESS_ADDRESS_RANGES", "::/0", /too large/],
    ["RESTRICTED_PLAN_SKU", "Y1", /one of EP1, EP2/],
    ["RESTRICTED_MINIMUM_INSTANCES", "0", /a number from 1 to 20/],
    ["RESTRICTED_MAXIMUM_INSTANCES", "many", /a number from 1 to 100/],
    ["RESTRICTED_ZONE_REDUNDANT", "yes", /one of true, false/],
    ["RESTRICTED_SUBNET_PREFIX_LENGTH", "29", /from 24 to 28/],
    ["RESTRICTED_CALLER_CREDENTIAL", "client-secret", /one of managed-identity, federated-identity/],
    ["RESTRICTED_LOG_RETENTION_DAYS", "7", /from 30 to 730/],
    ["RESTRICTED_LOG_DAILY_CAP_GIGABYTES", "0", /from 1 to 1000/],
    ["RESTRICTED_LOG_DAILY_CAP_GIGABYTES", "0.5", /from 1 to 1000/],
    ["RESTRICTED_API_CLIENT_IDS", "callee-func=1", /must be a JSON object of client ids/],
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
    const environment = { ...process.env, RESTRICTED_ENTRA_PERMISSIONS_CHECK: "off", ...good };
    const run = (RESTRICTED_DEPLOYER_ADDRESS_RANGES: string): number | null =>
      spawnSync(process.execPath, [script], { env: { ...environment, RESTRICTED_DEPLOYER_ADDRESS_RANGES } }).status;
    expect([run(""), run("203.0.113.7/32")]).toEqual([1, 0]);
  });
});

describe("the permission to register applications and to assign their roles", () => {
  // https://learn.microsoft.com/graph/api/serviceprincipal-post-approleassignedto#permissions
  const appPermissions = ["Application.ReadWrite.OwnedBy", "AppRoleAssignment.ReadWrite.All", "Application.Read.All"];

  it.each([
    ["a Cloud Application Administrator has it", { wids: ["158c047a-c907-4556-b7ef-446551a6b5f7"] }, { known: true }],
    ["an app with all three application permissions has it", { roles: appPermissions }, { known: true }],
    ["is not known where the token names no directory roles", {}, { known: false }],
  ])("%s", (_what, claims, assessment) => {
    expect(assess(claims)).toEqual(assessment);
  });

  it("is missing for a user without a directory role, who learns which", () => {
    expect(assess({ wids: ["b79fbf4d-3ef9-4689-8143-76b194e85509"] }).missing).toMatch(
      /Cloud Application Administrator/,
    );
  });

  it.each(appPermissions)("is missing for an app without %s, which learns that", (lacking) => {
    const { missing } = assess({ roles: appPermissions.filter((name) => name !== lacking) });
    expect(missing).toBe(`the Microsoft Graph application permission ${lacking}`);
  });

  it("is there for an app with the wider permissions that Microsoft Graph takes as well", () => {
    const roles = ["Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All", "Directory.Read.All"];
    expect(assess({ roles })).toEqual({ known: true });
  });

  it("is what the documentation tells an administrator to grant a pipeline", () => {
    const asked = assess({ idtyp: "app" }).missing ?? "";
    for (const name of appPermissions) {
      expect(asked).toContain(name);
      for (const page of ["deploy.md", "delivery.md"]) {
        expect(readFileSync(join(import.meta.dirname, "..", "..", "docs", page), "utf8"), page).toContain(name);
      }
    }
  });
});

describe("the pipeline that the documentation sets up", () => {
  const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "delivery.md"), "utf8");
  const section = (heading: string): string => page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";

  it("may write nothing in the directory: an administrator deploys the Entra part", () => {
    expect(section("Set it up")).toContain("permission=Application.Read.All\n");
    expect(section("Set it up")).toContain("npm run entra -- --environment dev");
    expect(section("Set it up")).not.toMatch(/\w+\.ReadWrite\.|Directory\.AccessAsUser|RoleManagement/);
  });

  it("may do so where one pipeline deploys everything, which is named as a risk", () => {
    expect(section("One pipeline for everything")).toMatch(
      /AppRoleAssignment\.ReadWrite\.All[^]*WARNING[^]*take over the tenant/,
    );
  });
});

describe("after azd up, and before tearing down", () => {
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
    const said = run("after-up.ts", { AZURE_RESOURCE_GROUP: "rg-dev" });
    expect(said).toContain("az functionapp keys list --resource-group rg-dev --name caller-func-abc");
    expect(said).toMatch(
      /curl -i https:\/\/caller-func-abc\.azurewebsites\.net\/api\/\S+ .*-H "x-functions-key: <key>"/,
    );
  });

  it("names the app registrations that stay behind", () => {
    const said = run("before-down.ts", { RESTRICTED_CALLER_CREDENTIAL: "federated-identity", AZURE_ENV_NAME: "dev" });
    expect(said).toContain("az ad app show --id api://t/callee-func-abc --query id\n");
    expect(said).toContain(`--filter "displayName eq 'caller-func as a client (dev)'"`);
  });

  it("names them by the access policy where azd has removed the outputs", () => {
    const said = run("before-down.ts", { SERVICES: "", AZURE_ENV_NAME: "dev", RESTRICTED_API_CLIENT_IDS: "{}" });
    expect(said).toContain(`--filter "displayName eq 'callee-func (dev)'"`);
  });

  // https://github.com/microsoftgraph/msgraph-bicep-types/issues/137
  it("says how to free the unique name of a deleted app registration, and when to keep it", () => {
    const said = run("before-down.ts", {});
    expect(said).toMatch(
      /keep them: azd up finds them[^]*az ad app show[^]*az ad app delete[^]*directory\/deletedItems\/<object id>/,
    );
  });

  it("leaves an administrator's app registrations alone", () => {
    expect(run("before-down.ts", { RESTRICTED_API_CLIENT_IDS: '{"callee-func":"x"}' })).toBe("");
  });
});
