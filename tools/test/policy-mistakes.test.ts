import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { apps, contentsOf } from "../build.ts";
import { OPTIONS_FILE, POLICY_FILE, readPolicyFiles } from "../policy-mistakes.ts";
import { settingPrefix } from "@restricted-calls/shared/access-policy";
import { storageAccount } from "../service-names.ts";

/** Any JSON object: what is tried here is what no type allows. */
type Json = Record<string, unknown>;

const READ = "11111111-1111-4111-8111-111111111111";
const WRITE = "22222222-2222-4222-8222-222222222222";

interface Parts {
  readonly policy: Json;
  readonly services: Json;
  readonly caller: Json;
  readonly callee: Json & { roles: Record<string, Json>; callers: Json };
  readonly options: Record<string, Json & { settings: Json }>;
}

/** A policy and options without a mistake. */
function goodParts(): Parts {
  const caller = { subnet: 0, roles: {}, callers: {} };
  const callee = {
    subnet: 1,
    roles: {
      "Items.Read": { id: READ, description: "Read items" },
      "Items.Write": { id: WRITE, description: "Write items" },
    },
    callers: { "caller-func": ["Items.Read"] },
  };
  const services = { "caller-func": caller, "callee-func": callee };
  const options = { "caller-func": { tableEndpointSetting: "ITEMS", healthCheckPath: "/up", settings: { A: "1" } } };
  return { policy: { $schema: "./access-policy.schema.json", services }, services, caller, callee, options };
}

const noRoles = (subnet: number): Json => ({ subnet, roles: {}, callers: {} });

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "policy-"));
  for (const folder of ["shared", "infra"]) mkdirSync(join(root, folder));
  write(goodParts());
});
afterEach(() => {
  rmSync(root, { recursive: true });
});

function write({ policy, services, options }: Parts): void {
  writeFileSync(join(root, POLICY_FILE), JSON.stringify(policy));
  writeFileSync(join(root, OPTIONS_FILE), JSON.stringify(options));
  for (const service of Object.keys(services)) withCode(service);
}

function withCode(service: string): void {
  mkdirSync(join(root, service, "src"), { recursive: true });
  writeFileSync(join(root, service, "src", "main.ts"), "");
}

/** The mistakes after a change, without the name of the file that all of them must be in. */
function mistakesAfter(change: (parts: Parts) => unknown, file = POLICY_FILE): string[] {
  const parts = goodParts();
  change(parts);
  write(parts);
  const { mistakes } = readPolicyFiles(root);
  for (const mistake of mistakes) expect(mistake.slice(0, file.length)).toBe(file);
  return mistakes.map((mistake) => mistake.slice(file.length).replace(/^: /, ""));
}

test("a policy and options without a mistake have none", () => {
  expect(readPolicyFiles(root).mistakes).toEqual([]);
});

/** What is wrong, how it comes about, and the one line that says so. */
type Case = readonly [what: string, change: (parts: Parts) => unknown, line: string];

test.each<Case>([
  [
    "an unknown property of the policy",
    ({ policy }) => (policy["owner"] = "me"),
    `"owner" is not one of $schema, services`,
  ],
  [
    "an unknown property of a service",
    ({ callee }) => (callee["owner"] = "me"),
    `callee-func: "owner" is not one of subnet, roles, callers`,
  ],
  [
    "an unknown property of a role",
    ({ callee }) => (callee.roles["Items.Read"] = { id: READ, description: "Read", isEnabled: true }),
    `callee-func.roles.Items.Read: "isEnabled" is not one of id, description`,
  ],
  ["a service without a subnet", ({ callee }) => delete callee["subnet"], `callee-func: "subnet" is missing`],
  [
    "a subnet that is no number",
    ({ callee }) => (callee["subnet"] = "1"),
    `callee-func.subnet: must be integer, found "1"`,
  ],
  [
    "a subnet beyond the address space",
    ({ callee }) => (callee["subnet"] = 256),
    `callee-func.subnet: must be <= 255, found 256`,
  ],
  [
    "one subnet for two services",
    ({ callee }) => (callee["subnet"] = 0),
    "callee-func.subnet: 0 is the subnet of caller-func",
  ],
  [
    "a caller that is no service",
    ({ callee }) => (callee.callers["ghost-func"] = ["Items.Read"]),
    `callee-func.callers: "ghost-func" is not a service`,
  ],
  [
    "a caller by a name that every object has",
    ({ callee }) => Object.assign(callee.callers, { constructor: ["Items.Read"] }),
    `callee-func.callers: "constructor" is not a service`,
  ],
  [
    "a service that calls itself",
    ({ callee }) => (callee.callers["callee-func"] = ["Items.Read"]),
    "callee-func.callers: a service does not call itself over the network",
  ],
  [
    "a role that nobody offers",
    ({ callee }) => (callee.callers["caller-func"] = ["Items.Raed"]),
    `callee-func.callers.caller-func: "Items.Raed" is not a role of callee-func`,
  ],
  [
    "a role of a service that has none",
    ({ caller }) => (caller["callers"] = { "callee-func": ["Items.Read"] }),
    `caller-func.callers.callee-func: "Items.Read" is not a role of caller-func`,
  ],
  [
    "a caller without roles",
    ({ callee }) => (callee.callers["caller-func"] = []),
    "callee-func.callers.caller-func: must NOT have fewer than 1 items, found []",
  ],
  [
    "a role granted twice",
    ({ callee }) => (callee.callers["caller-func"] = ["Items.Read", "Items.Read"]),
    `callee-func.callers.caller-func: must NOT have duplicate items (items ## 1 and 0 are identical), found ["Items.Read","Items.Read"]`,
  ],
  [
    "a role id used twice",
    ({ callee }) => (callee.roles["Items.Write"] = { id: READ, description: "Write" }),
    "callee-func.roles.Items.Write.id: it is the id of callee-func.roles.Items.Read",
  ],
  [
    "a role id used twice, by two services",
    ({ caller }) => (caller["roles"] = { "Work.Read": { id: READ, description: "Read" } }),
    "callee-func.roles.Items.Read.id: it is the id of caller-func.roles.Work.Read",
  ],
  [
    "a role id that is no GUID",
    ({ callee }) => (callee.roles["Items.Read"] = { id: "abc", description: "Read" }),
    `callee-func.roles.Items.Read.id: found "abc". The role's id: a GUID in lower case that is used nowhere else.`,
  ],
  [
    "a role id that Entra takes for none",
    ({ callee }) => (callee.roles["Items.Read"] = { id: READ.replaceAll(/[148]/g, "0"), description: "Read" }),
    "callee-func.roles.Items.Read.id: this id means no role",
  ],
  [
    "a role without a description",
    ({ callee }) => (callee.roles["Items.Read"] = { id: READ, description: "" }),
    `callee-func.roles.Items.Read.description: must NOT have fewer than 1 characters, found ""`,
  ],
  ["no service at all", ({ policy }) => (policy["services"] = {}), "must NOT have fewer than 1 properties, found {}"],
  [
    "two services with one prefix",
    ({ services }) => (services["caller"] = noRoles(2)),
    "caller: its callers' settings would be CALLER_URL and CALLER_SCOPE, like those of caller-func",
  ],
  [
    "two services with one storage account",
    ({ services }) => (services["call-er-func"] = noRoles(2)),
    "call-er-func: its storage account would be callerdata, like that of caller-func",
  ],
  [
    "a name that Azure reserves",
    ({ services }) => (services["login-func"] = noRoles(2)),
    "login-func: Azure refuses names that contain microsoft or windows, or begin with login",
  ],
  [
    "the name of a test identity",
    ({ services }) => (services["reader-only"] = noRoles(2)),
    "reader-only: the local Entra has a test identity of this name",
  ],
])("%s is one mistake, in one line", (_what, change, line) => {
  // Options of services that are not there are another mistake.
  const found = mistakesAfter((parts) => {
    change(parts);
    if (Object.keys(parts.policy["services"] as Json).length === 0) delete parts.options["caller-func"];
  });
  expect(found).toEqual([line]);
});

test.each(["Callee Func", "a", "1-func", "a--b", "-func", "func-", "a-name-of-25-characters-x"])(
  "a service cannot be called %j",
  (name) => {
    const [mistake = "", ...others] = mistakesAfter(({ services }) => (services[name] = noRoles(2)));
    expect(mistake).toContain(`found "${name}". A service's name has 3 to 24 lower-case letters`);
    expect(others).toEqual([]);
  },
);

test("a service without its code is a mistake", () => {
  rmSync(join(root, "caller-func"), { recursive: true });
  expect(readPolicyFiles(root).mistakes).toEqual([
    `${POLICY_FILE}: caller-func: there is no caller-func/src/main.ts, the service's code`,
  ]);
});

test.each<Case>([
  [
    "of a service that is not there",
    ({ options }) => (options["ghost-func"] = { settings: {} }),
    `"ghost-func" is not a service`,
  ],
  [
    "that no template knows",
    ({ options }) => Object.assign(options["caller-func"] ?? {}, { alwaysOn: true }),
    `caller-func: "alwaysOn" is not one of tableEndpointSetting, healthCheckPath, settings, outboundDestinations`,
  ],
  [
    "with a value that is no text",
    ({ options }) => Object.assign(options["caller-func"]?.settings ?? {}, { A: 1 }),
    "caller-func.settings.A: must be string, found 1",
  ],
  [
    "with a health path that is no path",
    ({ options }) => Object.assign(options["caller-func"] ?? {}, { healthCheckPath: "up" }),
    `caller-func.healthCheckPath: found "up". A path, beginning with /, that returns 200 without credentials if an instance is healthy.`,
  ],
  [
    "with a name that App Service does not take",
    ({ options }) => Object.assign(options["caller-func"]?.settings ?? {}, { "A-B": "1" }),
    `caller-func.settings: found "A-B". The name of an app setting has letters, digits, periods and underscores.`,
  ],
  ...[
    "ALLOWED_CALLERS",
    "Allowed_Callers",
    "CALLEE_URL",
    "CALLEE_SCOPE",
    "AzureWebJobsStorage",
    "AzureWebJobsStorage__clientId",
  ].map((name): Case => [
    `that would set ${name}`,
    ({ options }) => Object.assign(options["caller-func"]?.settings ?? {}, { [name]: "x" }),
    `caller-func.settings: "${name}" is set by the templates`,
  ]),
  [
    "that would set the table endpoint",
    ({ options }) => Object.assign(options["caller-func"]?.settings ?? {}, { ITEMS: "x" }),
    `caller-func.settings: "ITEMS" is set by the templates: its table endpoint`,
  ],
  [
    "that would put the table endpoint into a setting of the templates",
    ({ options }) => Object.assign(options["caller-func"] ?? {}, { tableEndpointSetting: "AZURE_CLIENT_ID" }),
    `caller-func.tableEndpointSetting: "AZURE_CLIENT_ID" is set by the templates`,
  ],
])("service options %s are one mistake, in one line", (_what, change, line) => {
  expect(mistakesAfter(change, OPTIONS_FILE)).toEqual([line]);
});

describe("text that is no JSON is one line with its place", () => {
  test.each([
    ["", "1:1: expected a value, found the end of the file"],
    ['{\n  "services": {},\n}', `3:1: expected a member's name, found }`],
    ['{\n  "services": tru\n}', "2:15: expected a value, found tru"],
    ['{"a": 1\n "b": 2}', '2:2: expected "," or "}", found "b":'],
    ["// why\n{}", "1:1: expected a value, found //"],
    ['{"services": {}}\n}', "2:1: expected the end of the file, found }"],
    ['{"a": "\n"}', '1:7: expected a value, found "'],
    ['{"a": 01}', '1:8: expected "," or "}", found 1}'],
  ])("%j", (text, place) => {
    writeFileSync(join(root, POLICY_FILE), text);
    expect(() => JSON.parse(text) as unknown).toThrow();
    expect(readPolicyFiles(root).mistakes).toEqual([`${POLICY_FILE}:${place}`]);
  });
});

test("a duplicate member is a mistake, however it is spelt", () => {
  const text = '{"services": {\n  "caller-func": {"subnet": 0, "roles": {}, "callers": {}, "sub\\u006eet": 0}}}';
  writeFileSync(join(root, POLICY_FILE), text);
  expect(readPolicyFiles(root).mistakes).toEqual([`${POLICY_FILE}:2:60: the member "sub\\u006eet" appears twice`]);
});

test("a byte order mark is none", () => {
  writeFileSync(join(root, POLICY_FILE), `\uFEFF${JSON.stringify(goodParts().policy)}`);
  expect(readPolicyFiles(root).mistakes).toEqual([]);
});

test("a file that is not there is a mistake", () => {
  rmSync(join(root, OPTIONS_FILE));
  expect(readPolicyFiles(root).mistakes).toEqual([
    expect.stringMatching(/^infra\/service-options\.json: cannot be read: ENOENT/),
  ]);
});

test("all mistakes of both files are told at once", () => {
  const parts = goodParts();
  parts.callee.callers["ghost-func"] = ["Items.Read"];
  parts.callee["owner"] = "me";
  parts.options["nobody-func"] = { settings: {} };
  write(parts);
  expect(readPolicyFiles(root).mistakes).toEqual([
    `${POLICY_FILE}: callee-func: "owner" is not one of subnet, roles, callers`,
    `${POLICY_FILE}: callee-func.callers: "ghost-func" is not a service`,
    `${OPTIONS_FILE}: "nobody-func" is not a service`,
  ]);
});

test.each([
  ["callee-func", "CALLEE", "calleedata"],
  ["ledger-functions", "LEDGER_FUNCTIONS", "ledgerfunctionsdata"],
  ["pay-func-eu", "PAY_FUNC_EU", "payfunceudata"],
  ["billing", "BILLING", "billingdata"],
  ["func", "FUNC", "funcdata"],
])("only a trailing -func is left out of the names that follow from %s", (service, prefix, account) => {
  expect([settingPrefix(service), storageAccount(service)]).toEqual([prefix, account]);
});

test.each(apps)(
  "the bundle of %s has no validation in it",
  async (app) => {
    const packages = Object.keys(await contentsOf(app));
    expect(packages).toContain("shared");
    expect(packages.filter((name) => ["ajv", "tools", "infra"].includes(name))).toEqual([]);
  },
  60_000,
);
