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

const SUBNET = "/subscriptions/33333333-3333-4333-8333-333333333333/resourceGroups/rg/providers/Microsoft.Network";

interface Parts {
  readonly policy: Json;
  readonly services: Json;
  readonly caller: Json;
  readonly callee: Json & { roles: Record<string, Json>; callers: Json };
  readonly external: Record<"jobs" | "partner", Json> & Record<string, Json>;
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
    callers: { "caller-func": ["Items.Read"], jobs: ["Items.Write"] },
  };
  const external = {
    jobs: {
      clientId: "44444444-4444-4444-8444-444444444441",
      objectId: "44444444-4444-4444-8444-444444444442",
      subnet: `${SUBNET}/virtualNetworks/net/subnets/jobs`,
    },
    partner: {
      clientId: "55555555-5555-4555-8555-555555555551",
      objectId: "55555555-5555-4555-8555-555555555552",
      addressRanges: ["203.0.113.0/28", "2001:db8::/48"],
    },
  };
  const services = { "caller-func": caller, "callee-func": callee };
  const options = { "caller-func": { tableEndpointSetting: "ITEMS", healthCheckPath: "/up", settings: { A: "1" } } };
  const policy = { $schema: "./access-policy.schema.json", services, externalCallers: external };
  return { policy, services, caller, callee, external, options };
}

/** An external caller with ids and a subnet of its own. */
const MORE = {
  clientId: "66666666-6666-4666-8666-666666666661",
  objectId: "66666666-6666-4666-8666-666666666662",
  subnet: `${SUBNET}/virtualNetworks/net/subnets/more`,
};

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
    `"owner" is not one of $schema, services, externalCallers`,
  ],
  [
    "an unknown property of a service",
    ({ callee }) => (callee["owner"] = "me"),
    `callee-func: "owner" is not one of subnet, roles, callers, justifications`,
  ],
  [
    "an unknown property of a role",
    ({ callee }) => (callee.roles["Items.Read"] = { id: READ, description: "Read", isEnabled: true }),
    `callee-func.roles.Items.Read: "isEnabled" is not one of id, description`,
  ],
  [
    "a justification without an owner",
    ({ callee }) => (callee["justifications"] = { jobs: { "Items.Write": { reason: "Nightly import" } } }),
    `callee-func.justifications.jobs.Items.Write: "owner" is missing`,
  ],
  [
    "a justification without a reason",
    ({ callee }) => (callee["justifications"] = { jobs: { "Items.Write": { owner: "jobs", reason: "" } } }),
    `callee-func.justifications.jobs.Items.Write.reason: must NOT have fewer than 1 characters, found ""`,
  ],
  [
    "a justification of a role that the caller does not hold",
    ({ callee }) => (callee["justifications"] = { jobs: { "Items.Read": { owner: "jobs", reason: "Import" } } }),
    `callee-func.justifications.jobs.Items.Read: jobs does not hold this role`,
  ],
  [
    "a justification of a caller that is not there",
    ({ callee }) => (callee["justifications"] = { nobody: { "Items.Read": { owner: "jobs", reason: "Import" } } }),
    `callee-func.justifications.nobody.Items.Read: nobody does not hold this role`,
  ],
  [
    "an end that is in another form",
    ({ callee }) => {
      callee["justifications"] = { jobs: { "Items.Write": { owner: "jobs", reason: "Import", until: "31.1.2027" } } };
    },
    `callee-func.justifications.jobs.Items.Write.until: found "31.1.2027". The grant ends at 00:00 UTC of this date, YYYY-MM-DD. From then on, npm run infra:check and the proof of a deployment fail.`,
  ],
  [
    "an end that the calendar does not have",
    ({ callee }) => {
      callee["justifications"] = { jobs: { "Items.Write": { owner: "jobs", reason: "Import", until: "2027-02-30" } } };
    },
    `callee-func.justifications.jobs.Items.Write.until: 2027-02-30 is no date`,
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
    `callee-func.callers: "ghost-func" is neither a service nor an external caller`,
  ],
  [
    "a caller by a name that every object has",
    ({ callee }) => Object.assign(callee.callers, { constructor: ["Items.Read"] }),
    `callee-func.callers: "constructor" is neither a service nor an external caller`,
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
    "reader-only: the local Entra or the proof has a test identity of this name",
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

test.each<Case>([
  [
    "with neither a subnet nor address ranges",
    ({ external }) => delete external.jobs["subnet"],
    "externalCallers.jobs: It has either a subnet or addressRanges.",
  ],
  [
    "with both",
    ({ external }) => (external.jobs["addressRanges"] = ["198.51.100.0/24"]),
    "externalCallers.jobs: It has either a subnet or addressRanges.",
  ],
  [
    "without a client id",
    ({ external }) => delete external.jobs["clientId"],
    `externalCallers.jobs: "clientId" is missing`,
  ],
  [
    "without an object id",
    ({ external }) => delete external.jobs["objectId"],
    `externalCallers.jobs: "objectId" is missing`,
  ],
  [
    "with an unknown property",
    ({ external }) => (external.jobs["roles"] = []),
    `externalCallers.jobs: "roles" is not one of clientId, objectId, subnet, addressRanges`,
  ],
  [
    "with a client id in capitals",
    ({ external }) => (external.jobs["clientId"] = "AAAAAAAA-4444-4444-8444-444444444441"),
    `externalCallers.jobs.clientId: found "AAAAAAAA-4444-4444-8444-444444444441". The client id (application id) in its tokens: a GUID in lower case.`,
  ],
  [
    "with a subnet by name",
    ({ external }) => (external.jobs["subnet"] = "jobs"),
    expect.stringMatching(/^externalCallers\.jobs\.subnet: found "jobs"\. The resource id of the subnet/) as string,
  ],
  [
    "with a network in place of a subnet",
    ({ external }) => (external.jobs["subnet"] = `${SUBNET}/virtualNetworks/net`),
    expect.stringMatching(/^externalCallers\.jobs\.subnet: found /) as string,
  ],
  [
    "with the client id of another one",
    ({ external }) => (external.partner["clientId"] = external.jobs["clientId"]),
    "externalCallers.partner.clientId: it is the id of externalCallers.jobs.clientId",
  ],
  [
    "with the client id as object id",
    ({ external }) => (external.partner["objectId"] = external.partner["clientId"]),
    "externalCallers.partner.objectId: it is the id of externalCallers.partner.clientId",
  ],
  [
    "with an id that nobody has",
    ({ external }) => (external.jobs["clientId"] = "00000000-0000-0000-0000-000000000000"),
    "externalCallers.jobs.clientId: nobody has this id",
  ],
  [
    "with the name of a service",
    ({ external }) => Object.assign(external, { "caller-func": MORE }),
    "externalCallers.caller-func: a service has this name",
  ],
  [
    "with the name of a test identity",
    ({ external }) => Object.assign(external, { "no-role": MORE }),
    "externalCallers.no-role: the local Entra or the proof has a test identity of this name",
  ],
  ...["delegated", "no-token", "forged-token"].map((name): Case => [
    `with the name of ${name}, whom the proof has`,
    ({ external }) => (external[name] = { ...MORE }),
    `externalCallers.${name}: the local Entra or the proof has a test identity of this name`,
  ]),
  [
    "with a name that is no name",
    ({ external }) => Object.assign(external, { "No Name": MORE }),
    `externalCallers: found "No Name". An external caller's name has 3 to 24 lower-case letters, digits and single hyphens between them, and begins with a letter.`,
  ],
  [
    "with the subnet of another one, in other letters",
    ({ external }) => (external["more"] = { ...MORE, subnet: String(external.jobs["subnet"]).replace("rg", "RG") }),
    "externalCallers.more.subnet: it is the subnet of jobs",
  ],
  ...(
    [
      [["0.0.0.0/0"], "found 0.0.0.0/0, which is too large"],
      [["128.0.0.0/1"], "found 128.0.0.0/1, which is too large"],
      [["::/0"], "found ::/0, which is too large"],
      [["203.0.113.7"], "found '203.0.113.7', which is no address range: an address, a slash and a prefix length"],
      [["Any"], "found 'Any', which is no address range: an address, a slash and a prefix length"],
      [
        ["203.0.113.0/28,198.51.100.0/28"],
        "found '203.0.113.0/28,198.51.100.0/28', which is no address range: an address, a slash and a prefix length",
      ],
      [
        ["203.0.113.7/28"],
        "found 203.0.113.7/28, whose address is not the first of the range. Use 203.0.113.0/28, or 203.0.113.7/32 for the one address",
      ],
      [["10.1.0.0/16"], "10.1.0.0/16 is not public: a site sees public addresses, or a subnet"],
      [["fd00::/16"], "fd00::/16 is not public: a site sees public addresses, or a subnet"],
      [["::ffff:0:0/96"], "::ffff:0:0/96 is not public: a site sees public addresses, or a subnet"],
      [["203.0.113.0/28", "203.0.113.8/29"], "203.0.113.8/29 has addresses of 203.0.113.0/28"],
      [["203.0.112.0/23"], "203.0.112.0/23 has addresses of others: name its own, at most a /24 at once"],
      [["2001:db8::/47"], "2001:db8::/47 has addresses of others: name its own, at most a /48 at once"],
      [["168.63.129.16/32"], "168.63.129.16/32 is not public: a site sees public addresses, or a subnet"],
    ] as const
  ).map(([addressRanges, line]): Case => [
    `with the ranges ${addressRanges.join(" and ")}`,
    ({ external }) => (external.partner["addressRanges"] = addressRanges),
    `externalCallers.partner.addressRanges: ${line}`,
  ]),
  [
    "with addresses of another one",
    ({ external }) =>
      (external["more"] = { clientId: MORE.clientId, objectId: MORE.objectId, addressRanges: ["203.0.113.0/24"] }),
    "externalCallers.more.addressRanges: 203.0.113.0/24 has addresses of partner",
  ],
  [
    "with no range",
    ({ external }) => (external.partner["addressRanges"] = []),
    "externalCallers.partner.addressRanges: must NOT have fewer than 1 items, found []",
  ],
  [
    "that is granted a role which the service does not have",
    ({ callee }) => (callee.callers["jobs"] = ["Items.Delete"]),
    `callee-func.callers.jobs: "Items.Delete" is not a role of callee-func`,
  ],
])("an external caller %s is one mistake, in one line", (_what, change, line) => {
  expect(mistakesAfter(change)).toEqual([line]);
});

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
    "WEBSITE_CLOUD_ROLENAME",
  ].map((name): Case => [
    `that would set ${name}`,
    ({ options }) => Object.assign(options["caller-func"]?.settings ?? {}, { [name]: "x" }),
    `caller-func.settings: "${name}" is set by the templates`,
  ]),
  [
    "that would let calls through",
    ({ options }) => Object.assign(options["caller-func"]?.settings ?? {}, { REPORT_ONLY_UNTIL: "2027-01-15" }),
    `caller-func.settings: "REPORT_ONLY_UNTIL" lets calls through: set it on a site by hand, and for a time`,
  ],
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
    `${POLICY_FILE}: callee-func: "owner" is not one of subnet, roles, callers, justifications`,
    `${POLICY_FILE}: callee-func.callers: "ghost-func" is neither a service nor an external caller`,
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
