/** The verification of a deployment, against a fake Azure. */
import "../../tools/testing/example-system.ts";
import { grantChecks } from "../deployed/checks/grants.ts";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CannotStartError } from "../deployed/environment.ts";
import { matcherOf, NothingMatchesError } from "../model/filter.ts";
import { renderHtml } from "../report/html.ts";
import type { Report } from "../model/report.ts";
import {
  allowList,
  AUTHORITY,
  change,
  forbidden,
  hasRole,
  HERE,
  ids,
  main,
  MARKERS,
  resource,
  scm,
  SUFFIX,
} from "./deployed/answers.ts";
import { callDrifts, drifts, ELSEWHERE } from "./deployed/drifts.ts";
import { BROKEN, credential, type FakeAzure, look, notAssigned, startFakeAzure } from "./deployed/fake-azure.ts";

let azure: FakeAzure;
beforeAll(async () => {
  azure = await startFakeAzure();
});
beforeEach(() => {
  azure.reset();
});
afterAll(() => azure.stop());

/** What is not as it must be: findings and different calls, by id. */
function wrong({ checks, cells }: Report): string[] {
  return [
    ...checks.filter(({ result }) => result === "finding").map(({ id }) => id),
    ...cells.filter(({ result }) => result === "different").map(({ id }) => id),
  ];
}

function notChecked({ checks, cells }: Report): string[] {
  return [
    ...checks.filter(({ result }) => result === "not-checked").map(({ id }) => id),
    ...cells.filter(({ result, origin }) => result === "not-checked" && origin === "here").map(({ id }) => id),
  ];
}

function checkOf(report: Report, id: string): Report["checks"][number] | undefined {
  return report.checks.find((check) => check.id === id);
}

function cellOf(report: Report, id: string): Report["cells"][number] | undefined {
  return report.cells.find((cell) => cell.id === id);
}

const site = resource.site("callee-func");

/** A token of a principal, with a signature that must show nowhere. */
const tokenOf = (oid: string): string =>
  `eyJhbGciOiJSUzI1NiJ9.${Buffer.from(JSON.stringify({ oid })).toString("base64url")}.bWFya2VyLXNpZ25hdHVyZQ`;

describe("a healthy deployment", () => {
  let report: Report;
  beforeAll(async () => {
    azure.reset();
    report = await look(azure);
  });

  it("passes every check, and every call that this machine can make", () => {
    expect(wrong(report)).toEqual([]);
    expect(notChecked(report)).toEqual([]);
    expect(report.status).toBe("incomplete");
  });

  it("names the calls that only a machine within the network could make, one by one", () => {
    const elsewhere = report.cells.filter(({ origin }) => origin !== "here");
    expect(elsewhere.map(({ id }) => id)).toContain("both/set-record/callerSubnet/caller-func");
    expect(elsewhere.map(({ id }) => id)).toContain("both/get-record/otherSubnet/caller-func");
    for (const cell of elsewhere) expect(cell).toMatchObject({ result: "not-checked", actual: null, exchanges: [] });
  });

  it("refuses strangers: the callee's network refuses their calls, and Entra ID issues no token", () => {
    for (const operation of ["health", "get-record", "write-entry", "set-record"]) {
      for (const caller of ["no-token", "forged-token"]) {
        expect(cellOf(report, `both/${operation}/here/${caller}`)?.actual).toMatchObject({ refusedBy: "network" });
      }
      expect(cellOf(report, `both/${operation}/here/signed-in`)).toMatchObject({
        actual: { refusedBy: "identity-provider", code: "AADSTS501051" },
      });
    }
    expect(report.origins[0]?.title).toBe(`this machine, ${HERE}`);
  });

  it("calls both Functions hosts: the callee's network refuses, and so does the caller's host, also with its master key", () => {
    const actual = (id: string): unknown => cellOf(report, id)?.actual;
    const byHost = (status: number): unknown => ({ refusedBy: "host", status, code: null });
    expect(actual("both/host-keys/here/master-key")).toMatchObject({ refusedBy: "network" });
    expect(actual("both/host-caller-func-keys/here/no-token")).toEqual(byHost(401));
    expect(actual("both/host-caller-func-keys/here/master-key")).toEqual(byHost(403));
    expect(actual("both/host-caller-func-ping/here/no-token")).toMatchObject({ refusedBy: "nobody", status: 200 });
    expect(report.cells.some(({ operation, origin }) => /-(start|restart)$/.test(operation) && origin === "here")).toBe(
      false,
    );
    expect(JSON.stringify(report)).not.toContain(MARKERS.masterKey);
  });

  it("writes a report that matches its schema, and a page", async () => {
    const ajv = new Ajv2020({ allErrors: true });
    addFormats.default(ajv);
    const schema = await readFile(join(import.meta.dirname, "..", "model", "report.schema.json"), "utf8");
    const validate = ajv.compile(JSON.parse(schema) as object);
    expect(validate(report), JSON.stringify(validate.errors, null, 2)).toBe(true);
    expect(await renderHtml(report)).toContain("rg-prod");
  });

  it("has no id twice, and says of every check why it matters", () => {
    const all = [...report.checks, ...report.cells].map(({ id }) => id);
    expect(new Set(all).size).toBe(all.length);
    for (const { why, resource: what, expected } of report.checks)
      for (const text of [why, what, expected]) expect(text).not.toBe("");
  });

  it("has every check that the threat model refers to", async () => {
    const model = await readFile(join(import.meta.dirname, "..", "..", "docs", "threat-model.md"), "utf8");
    const named = [...model.matchAll(/`check ([^`]+)`/g)].map(([, id = ""]) => id);
    expect(named.length).toBeGreaterThan(5);
    for (const id of named) expect(report.checks.map((check) => check.id).filter(matcherOf(id)), id).not.toEqual([]);
  });

  it("is explained: every kind of check is in docs/verify-deployment.md", async () => {
    const page = await readFile(join(import.meta.dirname, "..", "..", "docs", "verify-deployment.md"), "utf8");
    for (const area of new Set(report.checks.map(({ id }) => id.split("/")[0] ?? "")))
      expect(page).toContain(`\`${area}/`);
    for (const { id } of report.checks.filter((check) => check.id.includes("/settings/"))) {
      const setting = (id.split("/")[3] ?? "").replace(/^CALLEE_/, "{CALLEE}_");
      expect(page).toContain(`\`${setting}\``);
    }
  });
});

describe("one thing that differs is one finding, and no other", () => {
  it.each(drifts)("$name", async ({ change: make, id, found, fix }) => {
    make(azure.answers);
    // The calls have nothing to do with it: they are left out.
    const report = await look(azure, { only: "*" }).then(({ checks }) => ({ checks, cells: [] }));
    const findings = report.checks.filter(({ result }) => result === "finding");
    expect(findings.map((check) => check.id)).toEqual([id]);
    expect(findings[0]?.found).toMatch(found ?? /./);
    expect(findings[0]?.fix).toMatch(fix ?? /./);
    expect(report.checks.filter(({ result }) => result === "not-checked")).toEqual([]);
  });

  it.each(callDrifts)("$name", async ({ change: make, id }) => {
    make(azure.answers);
    const different = wrong(await look(azure, { only: "both" }));
    expect(different.length).toBeGreaterThan(0);
    expect(different.filter((one) => !one.startsWith(id))).toEqual([]);
  });
});

describe("what is no drift", () => {
  const healthyChecks = async (only: string): Promise<void> => {
    const report = await look(azure, { only });
    expect([...wrong(report), ...notChecked(report)]).toEqual([]);
    expect(report.checks.length).toBeGreaterThan(0);
  };

  it("the runtime in another case", async () => {
    change(azure.answers, `GET ${site}/config/web`, "properties.linuxFxVersion", () => "node|24");
    await healthyChecks("sites/callee-func/runtime");
  });

  it("Microsoft Defender for Storage, which lets its scanner in and gives it a role to read blobs by", async () => {
    const account = resource.account("stdatacallee");
    const scanner = `/subscriptions/${ids.subscription}/providers/Microsoft.Security/datascanners/StorageDataScanner`;
    change(azure.answers, `GET ${account}`, "properties.networkAcls.resourceAccessRules", () => [
      { tenantId: ids.tenant, resourceId: scanner },
    ]);
    change(azure.answers, `GET ${account}/providers/Microsoft.Authorization/roleAssignments`, "value", (list) => [
      ...(list as unknown[]),
      hasRole("Defender for Storage Data Scanner", account),
    ]);
    await healthyChecks("storage/callee-func-data");
  });

  it("Any in place of 0.0.0.0/0, where a rule says so", async () => {
    const environment = { ...azure.environment, RESTRICTED_INGRESS_ADDRESS_RANGES: "0.0.0.0/0" };
    const rules = `GET ${resource.site("caller-func")}/config/web`;
    change(azure.answers, rules, "properties.ipSecurityRestrictions.0.ipAddress", () => "Any");
    const report = await look(azure, { only: "restrictions/caller-func", environment });
    expect([...wrong(report), ...notChecked(report)]).toEqual([]);
  });

  it("what Azure adds to what the template states, and other cases of names", async () => {
    const diagnostics = `GET ${site}/providers/Microsoft.Insights/diagnosticSettings/workspace`;
    change(azure.answers, diagnostics, "properties.logs", (logs) => [
      { category: "FunctionAppLogs", categoryGroup: null, enabled: false },
      ...(logs as unknown[]),
    ]);
    change(azure.answers, diagnostics, "properties.workspaceId", (id) => String(id).toLowerCase());
    await healthyChecks("template");
  });
});

describe("what could not be read is not checked, and never passed", () => {
  const denied: readonly {
    readonly name: string;
    readonly address: RegExp;
    readonly leaves: RegExp;
    readonly permission: string;
  }[] = [
    {
      name: "sites",
      address: /^GET \S+\/sites\/callee-func-\w+$/,
      leaves: /^(sites|network|restrictions|template\/sites)\/callee-func/,
      permission: "Microsoft.Web/sites/read",
    },
    {
      name: "their configuration",
      address: /config\/web$/,
      leaves: /^(restrictions|sites|template\/sites)\//,
      permission: "Microsoft.Web/sites/config/read",
    },
    {
      name: "their settings",
      address: /config\/appsettings\/list$/,
      leaves: /^(sites\/[^/]+\/settings|storage\/|template\/storageAccounts\/)/,
      permission: "Microsoft.Web/sites/config/list/action",
    },
    {
      name: "subnets",
      address: /\/subnets\//,
      leaves:
        /^(network\/[^/]+\/(delegation|security-group|service-endpoints|joined)|external\/batch-jobs\/service-endpoint)$/,
      permission: "Microsoft.Network/virtualNetworks/subnets/read",
    },
    {
      name: "network security groups",
      address: /\/networkSecurityGroups\//,
      leaves: /^(network\/[^/]+\/outbound$|template\/networkSecurityGroups\/)/,
      permission: "Microsoft.Network/networkSecurityGroups/read",
    },
    {
      name: "storage",
      address: /\/storageAccounts\//,
      leaves: /^(storage|template\/storageAccounts)\//,
      permission: "Microsoft.Storage/storageAccounts/read",
    },
    {
      name: "the directory",
      address: /^GET \/v1\.0\//,
      leaves:
        /^(directory\/(callee-func|caller-func\/identity-enabled)|external\/[^/]+\/(service-principal|enabled)|assignments|sites\/callee-func\/settings\/API_CLIENT_ID)/,
      permission: "Application.Read.All",
    },
    {
      name: "identities",
      address: /\/userAssignedIdentities\/[^/]+$/,
      leaves:
        /^(directory\/[^/]+\/identity|assignments|storage\/[^/]+\/data-roles$|sites\/[^/]+\/settings\/(AZURE_CLIENT_ID|ALLOWED_CALLERS))/,
      permission: "Microsoft.ManagedIdentity/userAssignedIdentities/read",
    },
    {
      name: "what an identity is attached to",
      address: /\/listAssociatedResources$/,
      leaves: /^directory\/[^/]+\/identity-attached$/,
      permission: "Microsoft.ManagedIdentity/userAssignedIdentities/listAssociatedResources/action",
    },
    {
      name: "functions",
      address: /\/sites\/[^/]+\/functions$/,
      leaves: /^code\//,
      permission: "Microsoft.Web/sites/functions/read",
    },
    {
      name: "role assignments",
      address: /\/roleAssignments$/,
      leaves: /^storage\/[^/]+\/data-roles$/,
      permission: "Microsoft.Authorization/roleAssignments/read",
    },
    {
      name: "role definitions",
      address: /\/roleDefinitions\//,
      leaves: /^storage\/[^/]+\/data-roles$/,
      permission: "Microsoft.Authorization/roleDefinitions/read",
    },
    {
      name: "function keys",
      address: /host\/default\/listKeys$/,
      leaves: /^both\/((submit|get)-work\/|host-[^/]+\/here\/master-key$)/,
      permission: "Microsoft.Web/sites/host/listkeys/action",
    },
  ];

  it.each(denied.flatMap((one) => [401, 403].map((status) => ({ ...one, status }))))(
    "$status for $name: says which permission is missing",
    async ({ address, leaves, permission, status }) => {
      for (const key of Object.keys(azure.answers).filter((known) => address.test(known))) {
        azure.answers[key] = { status, body: { error: { code: "AuthorizationFailed", message: MARKERS.setting } } };
      }
      const report = await look(azure);
      expect(wrong(report)).toEqual([]);
      expect(report.status).toBe("incomplete");
      const left = notChecked(report);
      expect(left.length).toBeGreaterThan(0);
      expect(left.filter((id) => !leaves.test(id))).toEqual([]);
      const notes = [...report.checks, ...report.cells]
        .filter(({ id }) => left.includes(id))
        .map(({ note }) => note ?? "");
      for (const note of notes) expect(note).toContain(permission);
      for (const note of notes) expect(note).toContain(String(status));
    },
  );

  it("a resource that is gone is a finding, and what hangs on it is not checked", async () => {
    const { [`GET ${resource.subnet("caller-func")}`]: _gone, ...rest } = azure.answers;
    azure.answers = rest;
    const report = await look(azure, { only: "network" });
    expect(wrong(report)).toEqual(["network/caller-func/delegation"]);
    expect(notChecked(report)).toEqual([
      "network/caller-func/service-endpoints",
      "network/caller-func/security-group",
      "network/caller-func/joined",
    ]);
  });

  it("a site, a registration, an identity or an account that is gone is one finding", async () => {
    const gone = {
      [`GET ${site}`]: "sites/callee-func/exists",
      [`GET /v1.0/applications(uniqueName='callee-func-${SUFFIX}')`]: "directory/callee-func/registration",
      [`GET /v1.0/servicePrincipals(appId='${ids.api}')`]: "directory/callee-func/assignment-required",
      [`GET ${resource.identity("caller-func")}`]: "directory/caller-func/identity",
      [`GET ${resource.account("stdatacallee")}`]: "storage/callee-func-data/exists",
    };
    const goneElsewhere = {
      [`GET /v1.0/servicePrincipals(appId='${ids.batchClient}')`]: "external/batch-jobs/service-principal",
      [`GET ${resource.externalSubnet}`]: "external/batch-jobs/service-endpoint",
    };
    for (const [address, id] of Object.entries(goneElsewhere)) {
      azure.reset();
      azure.answers[address] = { status: 404, body: {} };
      expect(wrong(await look(azure, { only: "external" }))).toEqual([id]);
    }
    for (const [address, id] of Object.entries(gone)) {
      azure.reset();
      azure.answers[address] = { status: 404, body: {} };
      const report = await look(azure);
      expect(wrong(report)).toEqual([id]);
      // azd remembers that the templates are as last time, and would skip the deployment.
      expect(checkOf(report, id)?.fix).toContain("azd provision --no-state");
      expect(notChecked(report).length, id).toBeGreaterThan(0);
    }
  });

  it.each([
    ["an error", { status: 500, body: MARKERS.setting }, "500"],
    ["a redirect", { status: 302, body: "", headers: { location: "http://127.0.0.1:1/" } }, "could not be asked"],
    ["nothing in time", { status: 0, body: "" }, "no response in time"],
    ["no JSON", { status: 200, body: "<html>" }, "not JSON"],
    ["something else", { status: 200, body: { value: [] } }, "unexpected form"],
    ["another type", { status: 200, body: { properties: { httpsOnly: MARKERS.setting } } }, "properties.httpsOnly"],
  ])("%s for an answer", async (_name, answer, reason) => {
    azure.answers[`GET ${site}`] = answer;
    const report = await look(azure, {
      only: "sites/callee-func",
      timeouts: { requestMs: 300, work: { totalMs: 0, pollMs: 1 } },
    });
    expect(wrong(report)).toEqual([]);
    expect(checkOf(report, "sites/callee-func/https-only")).toMatchObject({ result: "not-checked", found: null });
    expect(checkOf(report, "sites/callee-func/https-only")?.note).toContain(reason);
    expect(JSON.stringify(report)).not.toContain(MARKERS.setting);
  });

  it("a next page elsewhere is not followed, with the token, and hides nothing", async () => {
    const key = `GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo`;
    azure.answers["GET /elsewhere"] = { status: 200, body: { value: [] } };
    change(azure.answers, key, "", (page) => ({
      ...(page as object),
      "@odata.nextLink": `${azure.endpoints.resourceManager}/elsewhere`,
    }));
    const report = await look(azure, { only: "assignments" });
    expect(report.checks.every(({ result }) => result === "not-checked")).toBe(true);
    expect(azure.requests.map(({ what }) => what)).not.toContain("GET /elsewhere");
  });

  it("no function at all is a finding: the deployment failed, or the app does not start", async () => {
    change(azure.answers, `GET ${site}/functions`, "value", () => []);
    const report = await look(azure, { only: "code" });
    expect(wrong(report)).toEqual(["code/callee-func/functions"]);
    expect(notChecked(report)).toEqual(["code/callee-func/package"]);
  });

  it("a package that Resource Manager does not name is not checked", async () => {
    const list = azure.answers[`GET ${site}/functions`]?.body as { value: object[] };
    for (const i of list.value.keys())
      change(azure.answers, `GET ${site}/functions`, `value.${i}.properties.config.scriptFile`, () => null);
    const report = await look(azure, { only: "code/callee-func" });
    expect(wrong(report)).toEqual([]);
    expect(checkOf(report, "code/callee-func/package")?.note).toContain("config.scriptFile");
  });

  it.each([
    ["errors", { status: 503 }],
    ["broken connections", { status: BROKEN }],
  ])("is asked again after %s, for a minute", async (_name, passing) => {
    const key = `GET ${site}/config/web`;
    const web = azure.answers[key] ?? { status: 0, body: "" };
    azure.answers[key] = { ...web, before: [passing, passing, passing] };
    expect(notChecked(await look(azure, { only: "restrictions/callee-func" }))).toEqual([]);

    azure.reset();
    let waited = 0;
    const wait = (milliseconds: number): Promise<void> => {
      waited += milliseconds;
      return Promise.resolve();
    };
    azure.answers[key] = { ...passing, body: "" };
    azure.answers[`GET ${site}`] = { ...passing, body: "" };
    const left = notChecked(await look(azure, { only: "restrictions/callee-func/main", wait }));
    expect(left).toHaveLength(3);
    expect(waited).toBe(60_000);
  });

  it("what was just created in the directory may be missing at first; in Resource Manager it may not", async () => {
    const missing = { status: 404 };
    for (const key of [
      `GET /v1.0/applications(uniqueName='callee-func-${SUFFIX}')`,
      `GET /v1.0/servicePrincipals(appId='${ids.api}')`,
    ]) {
      const answer = azure.answers[key] ?? { status: 0, body: "" };
      azure.answers[key] = { ...answer, before: [missing, missing] };
    }
    const report = await look(azure, { only: "directory/callee-func" });
    expect([...wrong(report), ...notChecked(report)]).toEqual([]);

    azure.reset();
    azure.answers[`GET ${site}`] = { status: 404, body: {} };
    await look(azure, { only: "sites/callee-func/exists" });
    expect(azure.requests.filter(({ what }) => what === `GET ${site}`)).toHaveLength(1);
  });

  it("retries a throttled request, a limited number of times", async () => {
    const key = `GET ${site}/config/web`;
    const throttled = { status: 429, headers: { "retry-after": "0" } };
    const web = azure.answers[key] ?? { status: 0, body: "" };
    azure.answers[key] = { ...web, before: [throttled, throttled, throttled] };
    expect(notChecked(await look(azure, { only: "restrictions/callee-func" }))).toEqual([]);

    azure.reset();
    azure.answers[key] = { status: 429, body: "", headers: { "retry-after": "0" } };
    const left = notChecked(await look(azure, { only: "restrictions/callee-func/scm" }));
    expect(left).toHaveLength(3);
    expect(azure.requests.filter(({ what }) => what === key)).toHaveLength(4);
  });
});

describe("the expected outcomes depend on the address of this machine", () => {
  it("an address in no range: SCM sites and the caller refuse it, and no work is submitted", async () => {
    for (const service of ["callee-func", "caller-func"]) {
      azure.answers[scm(service)] = forbidden(ELSEWHERE);
      azure.answers[main(service)] = forbidden(ELSEWHERE);
    }
    for (const key of Object.keys(azure.answers).filter((known) => /^(GET|POST) main:/.test(known))) {
      azure.answers[key] = forbidden(ELSEWHERE);
    }
    const report = await look(azure);
    expect(wrong(report)).toEqual([]);
    expect(cellOf(report, "both/scm-callee-func/here/no-token")?.expected.refusedBy).toBe("network");
    expect(notChecked(report)).toEqual(["both/submit-work/here/function-key", "both/get-work/here/function-key"]);
    expect(cellOf(report, "both/submit-work/here/function-key")?.note).toContain(ELSEWHERE);
    expect(azure.requests.filter(({ what }) => what.startsWith("POST main:"))).toEqual([]);
  });

  it("an SCM site that lets in an undeclared address is different, although it asks for a sign-in", async () => {
    azure.answers[main("callee-func")] = forbidden(ELSEWHERE);
    const report = await look(azure, { only: "both/scm-callee-func" });
    expect(wrong(report)).toEqual(["both/scm-callee-func/here/no-token", "both/scm-callee-func/here/forged-token"]);
  });

  it("RESTRICTED_INGRESS_ADDRESS_RANGES, IPv4 or IPv6, open the caller and not the SCM sites", async () => {
    const environment = {
      ...azure.environment,
      RESTRICTED_DEPLOYER_ADDRESS_RANGES: "198.51.100.0/24",
      RESTRICTED_INGRESS_ADDRESS_RANGES: "2001:db8::/32",
    };
    azure.answers[main("callee-func")] = forbidden("[2001:db8::7]");
    const report = await look(azure, { only: "both", environment });
    expect(cellOf(report, "both/submit-work/here/function-key")?.result).toBe("as-expected");
    expect(wrong(report).every((id) => id.startsWith("both/scm-"))).toBe(true);
  });

  it("an address of an external caller reaches the callee's token check, and no SCM site", async () => {
    const environment = {
      ...azure.environment,
      RESTRICTED_DEPLOYER_ADDRESS_RANGES: "198.51.100.0/24",
      RESTRICTED_INGRESS_ADDRESS_RANGES: "192.0.2.0/24",
    };
    const noToken = {
      status: 401,
      body: { code: "no-credentials" },
      headers: { "content-type": "application/problem+json", "www-authenticate": "Bearer" },
    };
    for (const key of Object.keys(azure.answers).filter((known) => /^(GET|POST) main:|^main:|^scm:/.test(known))) {
      azure.answers[key] = forbidden("203.0.113.130");
    }
    azure.answers[main("callee-func")] = noToken;
    azure.answers[`GET ${main("callee-func")}/api/health`] = { status: 200, body: {} };
    const of = (caller: string): Promise<Report> => look(azure, { environment, only: `both/*-record/here/${caller}` });
    for (const caller of ["no-token", "forged-token"]) {
      const report = await of(caller);
      expect(report.cells.map(({ result, actual }) => [result, actual?.refusedBy])).toEqual([
        ["as-expected", "application"],
        ["as-expected", "application"],
      ]);
    }
    expect(wrong(await look(azure, { environment, only: "both/health/here" }))).toEqual([]);
    expect(wrong(await look(azure, { environment, only: "both/scm-callee-func" }))).toEqual([]);

    azure.answers[main("callee-func")] = { status: 200, body: {} };
    expect(wrong(await of("no-token"))).toHaveLength(2);
    azure.answers[main("callee-func")] = forbidden("203.0.113.130");
    expect(wrong(await of("no-token"))).toHaveLength(2);
  });

  it("a grant that has ended is a finding", () => {
    const [check] = grantChecks(new Date("2999-01-31T00:00:00Z"));
    const [before] = grantChecks(new Date("2999-01-30T23:59:59Z"));
    return Promise.all([
      expect(before?.run()).resolves.toMatchObject({ result: "as-expected" }),
      expect(check?.run()).resolves.toMatchObject({
        id: "grants/callee-func/partner-gateway/Records.Write",
        result: "finding",
        found: "has ended",
        fix: "# Remove the role from shared/access-policy.json, or ask the partner team for a new date. Then: azd provision",
      }),
    ]);
  });

  it("the address of an external caller among those of deployers is a finding", async () => {
    const environment = { ...azure.environment, RESTRICTED_DEPLOYER_ADDRESS_RANGES: `${HERE}/32,203.0.113.140/32` };
    const report = await look(azure, { environment, only: "external" });
    expect(wrong(report)).toEqual(["external/partner-gateway/scm"]);
    expect(checkOf(report, "external/partner-gateway/scm")).toMatchObject({ found: "203.0.113.140/32" });
  });

  it("a sign-in page is a refusal, too, for whom the SCM site's network lets in", async () => {
    azure.answers[scm("callee-func")] = {
      status: 302,
      body: "",
      headers: { location: "https://login.microsoftonline.com/common" },
    };
    expect(wrong(await look(azure, { only: "both/scm-callee-func" }))).toEqual([]);
    azure.answers[scm("callee-func")] = { status: 302, body: "", headers: { location: "https://elsewhere.example/" } };
    expect(wrong(await look(azure, { only: "both/scm-callee-func" }))).toHaveLength(2);
  });

  it("nothing refuses this machine: what depends on its address is not checked, and the callee is different", async () => {
    azure.answers[main("callee-func")] = { status: 200, body: {} };
    const report = await look(azure, { only: "both" });
    const [hosts, functions] = [true, false].map((isHosts) =>
      wrong(report).filter((id) => id.startsWith("both/host-") === isHosts),
    );
    expect(hosts).toHaveLength(11 * 2);
    expect(functions?.sort()).toEqual(
      ["get-record", "health", "set-record", "write-entry"].flatMap((operation) => [
        `both/${operation}/here/forged-token`,
        `both/${operation}/here/no-token`,
      ]),
    );
    expect(cellOf(report, "both/scm-callee-func/here/no-token")).toMatchObject({ result: "not-checked", actual: null });
  });
});

describe("the Functions host of a site that this machine reaches", () => {
  const keys = `GET ${main("caller-func")}/admin/host/keys`;

  it("differs where the isolation is not enforced, and the report does not contain the response", async () => {
    const told = { keys: [{ name: "default", value: MARKERS.functionKey }] };
    azure.answers[keys] = { status: 401, withMasterKey: 200, body: told };
    const report = await look(azure, { only: "both/host-caller-func-*" });
    expect(wrong(report)).toContain("both/host-caller-func-keys/here/master-key");
    expect(cellOf(report, "both/host-caller-func-keys/here/master-key")?.actual).toMatchObject({ refusedBy: "nobody" });
    expect(JSON.stringify(report)).not.toContain(MARKERS.functionKey);
    expect(JSON.stringify(report)).not.toContain(MARKERS.masterKey);
  });

  it("differs where it has a home page", async () => {
    azure.answers[`GET ${main("caller-func")}/`] = { status: 200, body: "Your Functions app is up and running" };
    const report = await look(azure, { only: "both/host-caller-func-home" });
    expect(wrong(report)).toHaveLength(2);
  });
});

describe("who refuses", () => {
  it("a 403 of the app is no 403 of the network: the callee lets the internet in", async () => {
    azure.answers[main("callee-func")] = {
      status: 403,
      body: { code: "role-missing" },
      headers: { "content-type": "application/problem+json" },
    };
    const report = await look(azure, { only: "both/get-record/here/no-token" });
    expect(report.cells[0]).toMatchObject({
      result: "different",
      expected: { refusedBy: "network", status: 403 },
      actual: { refusedBy: "application", status: 403, code: "role-missing" },
    });
  });

  it("does not count a missing response as a refusal", async () => {
    azure.answers[main("callee-func")] = { status: 0, body: "" };
    const timeouts = { requestMs: 300, work: { totalMs: 0, pollMs: 1 } };
    const report = await look(azure, { only: "both/get-record/here/no-token", timeouts });
    expect(report.cells[0]).toMatchObject({ result: "not-checked", actual: null });
    expect(report.cells[0]?.note).toContain("no response in time");
  });

  it.each(["AADSTS50105", "AADSTS65001", "AADSTS650057"])(
    "Entra ID's refusal of a user, %s, is a refusal",
    async (code) => {
      const signedIn = credential(() => new Error(`${code}: ...`));
      const report = await look(azure, { only: "both/get-record/here/signed-in", credential: signedIn });
      expect(report.cells[0]).toMatchObject({
        result: "as-expected",
        actual: { refusedBy: "identity-provider", code },
      });
    },
  );

  it("does not count any other failure to get a token", async () => {
    const signedIn = credential(() => new Error(`AADSTS700016: ${MARKERS.setting}`));
    const report = await look(azure, { only: "both/get-record/here/signed-in", credential: signedIn });
    expect(report.cells[0]).toMatchObject({ result: "not-checked", actual: null });
    expect(report.cells[0]?.note).toContain("AADSTS700016");
    expect(JSON.stringify(report)).not.toContain(MARKERS.setting);
  });

  it("a token for somebody whom the policy grants nothing is different, whatever the network then says", async () => {
    const signedIn = credential(() => tokenOf(ids.client));
    const report = await look(azure, { only: "both/get-record/here/signed-in", credential: signedIn });
    expect(report.cells[0]).toMatchObject({
      result: "different",
      expected: { refusedBy: "identity-provider" },
      actual: { refusedBy: "network" },
    });
  });

  it("a granted principal's token does not help from outside: the network refuses it", async () => {
    const granted = tokenOf(ids.callerPrincipal);
    const report = await look(azure, { only: "both/*/here/signed-in", credential: credential(() => granted) });
    expect(report.cells.map(({ result, actual }) => [result, actual?.refusedBy])).toEqual(
      Array.from({ length: 4 }, () => ["as-expected", "network"]),
    );
    expect(JSON.stringify(report)).not.toContain(granted);
  });
});

describe("the work", () => {
  const place = `POST ${main("caller-func")}/api/work`;
  const find = `GET ${main("caller-func")}/api/work/`;
  const work = (state: string): object => ({ workId: "{workId}", state, attempts: 1 });

  it("is placed once, with a function key and an id that names the verification", async () => {
    await look(azure);
    const posts = azure.requests.filter(({ what }) => what === place);
    expect(posts).toHaveLength(1);
    expect(posts[0]).toMatchObject({ key: MARKERS.functionKey, authorization: "" });
    expect(JSON.parse(posts[0]?.body ?? "")).toEqual({
      workId: expect.stringMatching(/^verify-[0-9a-f-]{36}$/) as string,
    });
  });

  it("passes when it is pending at first, and the timer delivers it later", async () => {
    azure.answers[place] = { status: 202, body: work("pending") };
    azure.answers[find] = { status: 200, body: work("done"), before: [] };
    const pending = { status: 200, body: work("pending") };
    const original = azure.answers[find];
    azure.answers[find] = pending;
    const looking = look(azure, { only: "both/*/here/function-key" });
    while (!azure.requests.some(({ what }) => what.startsWith("GET main:caller-func/api/work/verify-"))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    azure.answers[find] = original;
    const report = await looking;
    expect(report.cells.map(({ result }) => result)).toEqual(["as-expected", "as-expected"]);
    expect(cellOf(report, "both/submit-work/here/function-key")?.note).toContain("done later");
  });

  it("differs when it stays pending: the caller does not reach the callee", async () => {
    azure.answers[place] = { status: 202, body: work("pending") };
    azure.answers[find] = { status: 200, body: work("pending") };
    const timeouts = { requestMs: 2_000, work: { totalMs: 50, pollMs: 10 } };
    const report = await look(azure, { only: "both/*/here/function-key", timeouts });
    expect(wrong(report)).toEqual(["both/submit-work/here/function-key", "both/get-work/here/function-key"]);
  });

  it("is not placed where nobody asks for it", async () => {
    await look(azure, { only: "both/scm-callee-func" });
    expect(azure.requests.filter(({ what }) => what === place)).toEqual([]);
  });
});

describe("secrets", () => {
  it("show nowhere, in neither form of the report, whatever is wrong", async () => {
    const echo = { status: 200, body: "{authorization} {key}", headers: { "x-echo": "{authorization} {key}" } };
    azure.answers[main("callee-func")] = { ...echo, headers: { ...echo.headers, "set-cookie": MARKERS.token } };
    azure.answers[`POST ${main("caller-func")}/api/work`] = echo;
    azure.answers[scm("callee-func")] = forbidden();
    for (const name of [
      "ALLOWED_CALLERS",
      "API_CLIENT_ID",
      "API_IDENTIFIER_URI",
      "AZURE_AUTHORITY_HOST",
      "AZURE_TENANT_ID",
    ]) {
      change(azure.answers, `POST ${site}/config/appsettings/list`, `properties.${name}`, () => MARKERS.setting);
    }
    azure.answers[`GET ${site}/config/web`] = { status: 500, body: MARKERS.contentKey };
    const token = tokenOf(ids.client);
    const report = await look(azure, { credential: credential(() => token) });
    expect(wrong(report).length).toBeGreaterThan(5);
    expect(azure.requests.some(({ key }) => key === MARKERS.functionKey)).toBe(true);
    expect(azure.requests.some(({ authorization }) => authorization.includes(token))).toBe(true);
    const written = { json: JSON.stringify(report), html: await renderHtml(report) };
    for (const [form, text] of Object.entries(written)) {
      for (const secret of [...Object.values(MARKERS), token, token.split(".")[2] ?? ""]) {
        expect(text.includes(secret), `${secret} in ${form}`).toBe(false);
      }
    }
  });

  it("go to Azure only: no site gets a token of Resource Manager or Graph", async () => {
    await look(azure);
    const sites = azure.requests.filter(({ what }) => / ?(main|scm):/.test(what));
    expect(sites.length).toBeGreaterThan(10);
    for (const { authorization } of sites) expect(authorization).not.toContain(MARKERS.token);
  });
});

describe("other ways to deploy", () => {
  it("callers as app registrations: their ids are listed, their principals hold the roles, and they hold no secret", async () => {
    const environment = { ...azure.environment, RESTRICTED_CALLER_CREDENTIAL: "federated-identity" };
    const client = `GET /v1.0/applications(uniqueName='caller-func-client-${SUFFIX}')`;
    const trust = `GET /v1.0/applications/${ids.clientObject}/federatedIdentityCredentials`;
    azure.answers[client] = {
      status: 200,
      body: { id: ids.clientObject, appId: ids.client, appRoles: [], passwordCredentials: [], keyCredentials: [] },
    };
    azure.answers[`GET /v1.0/servicePrincipals(appId='${ids.client}')`] = {
      status: 200,
      body: { id: ids.clientPrincipal, accountEnabled: true, passwordCredentials: [], keyCredentials: [] },
    };
    const own = {
      id: "fic",
      name: "managed-identity",
      issuer: `https://login.microsoftonline.com/${ids.tenant}/v2.0`,
      subject: ids.callerPrincipal,
    };
    azure.answers[trust] = { status: 200, body: { value: [own] } };
    change(azure.answers, `POST ${site}/config/appsettings/list`, "properties.ALLOWED_CALLERS", () =>
      allowList.join().replace(ids.callerClient, ids.client),
    );
    const settings = `POST ${resource.site("caller-func")}/config/appsettings/list`;
    change(azure.answers, settings, "properties.CALLER_CREDENTIAL", () => "federated-identity");
    change(azure.answers, settings, "properties.CALLER_APP_CLIENT_ID", () => ids.client);
    const list = `GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo`;
    for (const page of [list, `${list}/page2`])
      change(azure.answers, page, "value.0.principalId", () => ids.clientPrincipal);
    const healthyReport = await look(azure, { environment });
    expect([...wrong(healthyReport), ...notChecked(healthyReport)]).toEqual([]);

    change(azure.answers, trust, "value", (value) => [
      ...(value as unknown[]),
      { ...own, id: "fic-2", subject: "somebody" },
    ]);
    change(azure.answers, client, "passwordCredentials", () => [{ keyId: "key-9" }]);
    const report = await look(azure, { environment });
    expect(wrong(report)).toEqual(["directory/caller-func/client-secrets", "directory/caller-func/client-federation"]);
    expect(checkOf(report, "directory/caller-func/client-federation")?.fix).toBe(
      `az ad app federated-credential delete --id ${ids.client} --federated-credential-id fic-2`,
    );
  });

  it("subnets of another team, whose security groups and further service endpoints are its own", async () => {
    const RESTRICTED_EXISTING_SUBNETS = JSON.stringify({
      "caller-func": "/subscriptions/5/virtualNetworks/v/subnets/s",
    });
    const key = Object.keys(azure.answers).find((name) => name.endsWith("/subnets/caller-func")) ?? "";
    const { properties } = azure.answers[key]?.body as { readonly properties: object };
    const foreign = {
      ...properties,
      networkSecurityGroup: { id: "/theirs" },
      serviceEndpoints: ["Microsoft.Sql", "Microsoft.Web"].map((service) => ({ service })),
    };
    azure.answers["GET /subscriptions/5/virtualNetworks/v/subnets/s"] = { status: 200, body: { properties: foreign } };
    const environment = { ...azure.environment, RESTRICTED_EXISTING_SUBNETS };
    const report = await look(azure, { environment, only: "network/caller-func" });
    expect(wrong(report)).toEqual(["network/caller-func/subnet", "network/caller-func/service-endpoints"]);
    expect(checkOf(report, "network/caller-func/service-endpoints")?.fix).toBe(
      "# The owner of the subnet: az network vnet subnet update --ids /subscriptions/5/virtualNetworks/v/subnets/s --service-endpoints Microsoft.Sql Microsoft.Web Microsoft.Storage",
    );
  });

  it("subnets of another team with the service endpoint for the storage accounts of all regions", async () => {
    const RESTRICTED_EXISTING_SUBNETS = JSON.stringify({ "caller-func": "/subnets/s" });
    const serviceEndpoints = ["Microsoft.Web", "Microsoft.Storage.Global"].map((service) => ({ service }));
    azure.answers["GET /subnets/s"] = { status: 200, body: { properties: { serviceEndpoints } } };
    const environment = { ...azure.environment, RESTRICTED_EXISTING_SUBNETS };
    const report = await look(azure, { environment, only: "network/caller-func/service-endpoints" });
    expect(checkOf(report, "network/caller-func/service-endpoints")?.result).toBe("as-expected");
  });

  it("App Service plans: no key opens the host's storage either", async () => {
    const environment = { ...azure.environment, RESTRICTED_PLAN_SKU: "P0v3" };
    expect(wrong(await look(azure, { environment, only: "storage" }))).toEqual([
      "storage/callee-func-host/shared-key",
      "storage/caller-func-host/shared-key",
    ]);
  });

  it("App Service Authentication, where the environment asks for it", async () => {
    const environment = { ...azure.environment, RESTRICTED_APP_SERVICE_AUTHENTICATION: "true" };
    const key = `GET ${site}/config/authsettingsV2`;
    azure.answers[key] = {
      status: 200,
      body: {
        properties: {
          platform: { enabled: true, runtimeVersion: "~1" },
          globalValidation: {
            requireAuthentication: true,
            unauthenticatedClientAction: "Return401",
            excludedPaths: ["/api/health"],
          },
          identityProviders: {
            azureActiveDirectory: {
              enabled: true,
              registration: { clientId: ids.api, openIdIssuer: `${AUTHORITY}/${ids.tenant}/v2.0` },
              validation: {
                allowedAudiences: [ids.api, `api://${ids.tenant}/callee-func-${SUFFIX}`],
                defaultAuthorizationPolicy: { allowedApplications: allowList },
              },
            },
          },
        },
      },
    };
    const only = "sites/callee-func/authentication*";
    expect(wrong(await look(azure, { environment, only }))).toEqual([]);
    change(azure.answers, key, "properties.globalValidation.requireAuthentication", () => false);
    expect(wrong(await look(azure, { environment, only }))).toEqual(["sites/callee-func/authentication"]);
    change(azure.answers, key, "properties.globalValidation.requireAuthentication", () => true);
    const provider = "properties.identityProviders.azureActiveDirectory";
    for (const [path, value] of [
      ["registration.openIdIssuer", `${AUTHORITY}/common/v2.0`],
      ["validation.allowedAudiences", [ids.api, `api://${ids.tenant}/callee-func-${SUFFIX}`, ids.client]],
      ["validation.defaultAuthorizationPolicy.allowedApplications", [ids.client]],
    ] as const) {
      let before: unknown;
      change(azure.answers, key, `${provider}.${path}`, (was) => ((before = was), value));
      expect(wrong(await look(azure, { environment, only }))).toEqual(["sites/callee-func/authentication-callers"]);
      change(azure.answers, key, `${provider}.${path}`, () => before);
      expect(wrong(await look(azure, { environment, only }))).toEqual([]);
    }
    change(azure.answers, key, `${provider}.enabled`, () => false);
    expect(wrong(await look(azure, { environment, only }))).toEqual(["sites/callee-func/authentication-callers"]);
  });

  it("prepared app registrations: the fix is the directory administrator's deployment", async () => {
    const environment = { ...azure.environment, RESTRICTED_API_CLIENT_IDS: JSON.stringify({ "callee-func": ids.api }) };
    azure.answers[`GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo/page2`] = {
      status: 200,
      body: { value: [] },
    };
    const report = await look(azure, { environment, only: "assignments" });
    expect(checkOf(report, "assignments/callee-func/caller-func/Records.Write")?.fix).toBe(
      "npm run entra -- --environment prod --caller-credential managed-identity",
    );
  });
});

describe("cannot start", () => {
  const refusal = async (options: Parameters<typeof look>[1]): Promise<unknown> =>
    look(azure, options).catch((error: unknown) => error);

  it.each([
    ["without SERVICES", { SERVICES: "" }, "azd up"],
    ["with SERVICES of another form", { SERVICES: "[1]" }, "azd provision"],
    ["with other services than the policy's", { SERVICES: "[]" }, "azd up"],
    ["without a resource group", { AZURE_RESOURCE_GROUP: "" }, "AZURE_RESOURCE_GROUP"],
  ])("%s: says what to do", async (_name, values, advice) => {
    const error = await refusal({ environment: { ...azure.environment, ...values } });
    expect(error).toBeInstanceOf(CannotStartError);
    expect((error as Error).message).toContain(advice);
  });

  it("where nobody is signed in", async () => {
    const nobody = { getToken: () => Promise.reject(new Error(`secret ${MARKERS.token}`)) };
    const error = await refusal({ credential: nobody });
    expect(error).toBeInstanceOf(CannotStartError);
    expect((error as Error).message).toMatch(/az login --tenant/);
    expect((error as Error).message).not.toContain(MARKERS.token);
  });

  it("where the filter matches nothing", async () => {
    expect(await refusal({ only: "nothing/at/all" })).toBeInstanceOf(NothingMatchesError);
  });
});

it("asks for what the filter asks for, and for no more", async () => {
  const report = await look(azure, { only: "restrictions/callee-func/scm", credential: credential(notAssigned) });
  expect(report.checks.map(({ id }) => id)).toEqual([
    "restrictions/callee-func/scm/rules",
    "restrictions/callee-func/scm/default-action",
    "restrictions/callee-func/scm/rules-of-main",
  ]);
  expect(azure.requests.map(({ what }) => what)).toEqual([`GET ${site}/config/web`]);
  expect(report.status).toBe("incomplete");
});
