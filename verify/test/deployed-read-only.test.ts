/** `verify -- --deployed --read-only`, against a fake Azure that records every request. */
import "../../tools/testing/example-system.ts";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Report } from "../model/report.ts";
import { exitCodeOf } from "../model/status.ts";
import { renderHtml } from "../report/html.ts";
import { reason } from "../report/summary.ts";
import { commandFor } from "../report/words.ts";
import { change, main, MARKERS, resource, scm } from "./deployed/answers.ts";
import { callDrifts, drifts } from "./deployed/drifts.ts";
import { type FakeAzure, look, startFakeAzure } from "./deployed/fake-azure.ts";

let azure: FakeAzure;
beforeAll(async () => {
  azure = await startFakeAzure();
});
beforeEach(() => {
  azure.reset();
});
afterAll(() => azure.stop());

const lookOnly = (only: string | null = null): Promise<Report> => look(azure, { only, readOnly: true });

/** The POST requests that `--read-only` sends: they return no secret, and Resource Manager has no GET for them. */
const POSTS = ["callee-func", "caller-func"].map(
  (service) => `POST ${resource.identity(service)}/listAssociatedResources`,
);

/** The ids that are not checked, by whether `--read-only` leaves them out. Calls from other networks are never made. */
function open({ checks, cells }: Report, isLeftOut: boolean): string[] {
  return [...checks, ...cells.filter(({ origin }) => origin === "here")]
    .filter(({ result, leftOut }) => result === "not-checked" && (leftOut === true) === isLeftOut)
    .map(({ id }) => id);
}

describe("every request with --read-only", () => {
  const sites = ["callee-func", "caller-func"].flatMap((service) => [main(service), scm(service)]);

  /** What the requests must be, whatever Azure and the sites answer. */
  const requireReading = (): void => {
    expect(azure.requests.length).toBeGreaterThan(80);
    const others = new Set(azure.requests.map(({ what }) => what).filter((what) => !what.startsWith("GET ")));
    expect([...others].toSorted()).toEqual(POSTS.toSorted());
    for (const { what, key, body, authorization } of azure.requests) {
      expect(what).not.toMatch(/list(keys|secrets)|masterkey|publishxml|\/list$/i);
      expect({ what, key, body }).toEqual({ what, key: "", body: "" });
      // The token for Resource Manager and Microsoft Graph reaches no site.
      const isOfSite = sites.some((site) => what.startsWith(`GET ${site}`));
      expect([what, authorization.includes(MARKERS.token)]).toEqual([what, !isOfSite]);
    }
  };

  it("is a GET without key and body, or one of the listed POSTs", async () => {
    await lookOnly();
    requireReading();
  });

  it("is so too if every site lets every call in", async () => {
    for (const site of sites) azure.answers[site] = { status: 200, body: "{}" };
    expect(exitCodeOf(await lookOnly())).toBe(1);
    requireReading();
  });

  it.each([401, 403, 404, 500])("is so too if every request for a list is answered %i", async (status) => {
    for (const address of Object.keys(azure.answers).filter((one) => one.startsWith("POST /")))
      azure.answers[address] = { status, body: "" };
    await lookOnly();
    requireReading();
  });

  it("is among others without the option: this test would see them", async () => {
    await look(azure);
    const whats = azure.requests.map(({ what }) => what);
    for (const other of [/^POST .*\/listKeys$/, /^POST .*\/config\/appsettings\/list$/, /^POST main:/, /^PUT main:/])
      expect(
        whats.some((what) => other.test(what)),
        String(other),
      ).toBe(true);
  });
});

describe("the role of infra/reader.bicep", () => {
  it("has the actions that the requests to Resource Manager need, and no other", async () => {
    await lookOnly();
    const needed = new Set(azure.requests.flatMap(({ what }) => actionOf(what) ?? []));
    expect(needed.size).toBeGreaterThan(20);
    const file = join(import.meta.dirname, "..", "..", "infra", "reader-actions.json");
    const held = JSON.parse(await readFile(file, "utf8")) as readonly string[];
    // Microsoft's list of permissions has these actions with and without the last part.
    const either = /\/basicPublishingCredentialsPolicies\/(ftp|scm)\/read$/;
    expect(held.filter((action) => !either.test(action)).toSorted()).toEqual([...needed].toSorted());
  });

  /** https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format */
  function actionOf(request: string): string | undefined {
    const [method = "", path = ""] = request.split(" ");
    if (!path.startsWith("/subscriptions/")) return undefined;
    const [provider = "", ...parts] = (path.split("/providers/").at(-1) ?? "").split("/");
    const types = parts.filter((_, i) => i % 2 === 0);
    return [provider, ...types, method === "GET" ? "read" : "action"].join("/");
  }
});

describe("a healthy deployment with --read-only", () => {
  let report: Report;
  beforeAll(async () => {
    azure.reset();
    report = await lookOnly();
  });

  it("ends with 0 also if it leaves out every call that was asked for", () => {
    const cells = report.cells.filter(({ leftOut }) => leftOut === true);
    expect(cells.length).toBeGreaterThan(0);
    expect(exitCodeOf({ ...report, checks: [], cells })).toBe(0);
    const unread = cells.map(({ leftOut: _, ...cell }) => cell);
    expect(exitCodeOf({ ...report, checks: [], cells: unread })).toBe(3);
  });

  it("ends with 0, and says what it leaves out and why", () => {
    expect(exitCodeOf(report)).toBe(0);
    expect(report.status).toBe("incomplete");
    expect(open(report, false)).toEqual([]);
    const leftOut = open(report, true);
    expect(leftOut.filter((id) => !id.startsWith("both/")).every((id) => /^sites\/[^/]+\/settings/.test(id))).toBe(
      true,
    );
    for (const id of ["sites/callee-func/settings/ALLOWED_CALLERS", "both/submit-work/here/function-key"])
      expect(leftOut).toContain(id);
    for (const { note, leftOut: isLeftOut } of [...report.checks, ...report.cells])
      if (isLeftOut === true) expect(note).toMatch(/^Left out by --read-only: /);
  });

  it("checks everything but settings: also storage accounts, whose names are in the settings", () => {
    const checked = report.checks.filter(({ result }) => result === "as-expected").map(({ id }) => id);
    for (const id of [
      "storage/callee-func-data/data-roles",
      "storage/caller-func-host/networks",
      "directory/callee-func/identity-attached",
      "assignments/callee-func/outside-policy",
      "restrictions/callee-func/main/rules",
      "code/callee-func/package",
    ])
      expect(checked).toContain(id);
  });

  it("makes the calls that must be refused, without a key", () => {
    const made = report.cells.filter(({ result }) => result === "as-expected").map(({ id }) => id);
    for (const id of [
      "both/get-record/here/no-token",
      "both/get-record/here/forged-token",
      "both/get-record/here/signed-in",
      "both/scm-callee-func/here/no-token",
      "both/host-caller-func-keys/here/no-token",
    ])
      expect(made).toContain(id);
    expect(made.some((id) => id.endsWith("/master-key"))).toBe(false);
  });

  it("is in the report: its schema, its page, its summary and its command", async () => {
    const ajv = new Ajv2020({ allErrors: true });
    addFormats.default(ajv);
    const schema = await readFile(join(import.meta.dirname, "..", "model", "report.schema.json"), "utf8");
    const validate = ajv.compile(JSON.parse(schema) as object);
    expect(validate(report), JSON.stringify(validate.errors, null, 2)).toBe(true);
    expect(reason(report)).toMatch(/--read-only leaves out \d+ of \d+ calls and \d+ of \d+ settings\.$/);
    expect(await renderHtml(report)).toContain("Left out by --read-only");
    expect(commandFor(report, null)).toBe("npm run verify -- --deployed --read-only");
  });
});

describe("what differs, with --read-only", () => {
  it.each(drifts)("is found, or its check is left out: $name", async ({ change: make, id }) => {
    make(azure.answers);
    const report = await lookOnly();
    const check = report.checks.find((one) => one.id === id);
    if (check?.leftOut === true) expect(id).toMatch(/^sites\/[^/]+\/settings/);
    else expect(exitCodeOf(report)).toBeGreaterThan(0);
  });

  it.each(callDrifts)("is found, or its call is left out: $name", async ({ change: make, id }) => {
    make(azure.answers);
    const report = await lookOnly("both");
    const cells = report.cells.filter((cell) => cell.id.startsWith(id));
    if (cells.some(({ result }) => result === "different")) return;
    expect(cells.every(({ leftOut }) => leftOut === true)).toBe(true);
  });
});

describe("a storage account, found without the settings", () => {
  const data = `GET ${resource.account("stdatacallee")}`;
  const rules = "properties.networkAcls.virtualNetworkRules";
  const checkOf = (report: Report, id: string) => report.checks.find((check) => check.id === id);

  it("is a finding if no account lets in the service's subnet", async () => {
    change(azure.answers, data, rules, () => []);
    const report = await lookOnly("storage/callee-func-data");
    expect(checkOf(report, "storage/callee-func-data/exists")).toMatchObject({ result: "finding", found: "nothing" });
    expect(exitCodeOf(report)).toBe(1);
  });

  it("is not checked if two accounts let it in", async () => {
    const own = azure.answers[data]?.body as { readonly properties: { readonly networkAcls: object } };
    change(
      azure.answers,
      `GET ${resource.account("stdatacaller")}`,
      "properties.networkAcls",
      () => own.properties.networkAcls,
    );
    const report = await lookOnly("storage/callee-func-data");
    expect(report.checks.map(({ result, leftOut }) => [result, leftOut])).toEqual(
      report.checks.map(() => ["not-checked", undefined]),
    );
    expect(report.checks[0]?.note).toMatch(/Several storage accounts .*stdatacallee, stdatacaller/);
    expect(exitCodeOf(report)).toBe(3);
  });

  it.each([
    ["the list", `GET ${resource.account("x").slice(0, -2)}`],
    ["an account", data],
  ])("is not checked if %s cannot be read", async (_what, address) => {
    azure.answers[address] = { status: 403, body: "" };
    const report = await lookOnly("storage/callee-func-data");
    expect(exitCodeOf(report)).toBe(3);
    expect(report.checks[0]?.note).toContain("Microsoft.Storage/storageAccounts/read");
  });
});

describe("what could not be read, with --read-only", () => {
  it("ends with 3: it is not left out by choice", async () => {
    azure.answers[`GET ${resource.site("callee-func")}/config/web`] = { status: 403, body: "" };
    const report = await lookOnly();
    expect(exitCodeOf(report)).toBe(3);
    expect(open(report, false)).toContain("restrictions/callee-func/main/rules");
  });
});
