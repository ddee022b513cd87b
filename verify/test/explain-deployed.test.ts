/** `explain --deployed`, against the fake Azure. */
import "../../tools/testing/example-system.ts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { CannotStartError } from "../deployed/environment.ts";
import { exitCodeOfDeployment, withDeployment } from "../explain/deployed.ts";
import { explain, type Explanation } from "../explain/explanation.ts";
import { printed } from "../explain/print.ts";
import { type Arguments, questionOf } from "../explain/question.ts";
import { policy } from "../model/policy.ts";
import { ids } from "./deployed/answers.ts";
import { drifts } from "./deployed/drifts.ts";
import { type FakeAzure, optionsOf, startFakeAzure } from "./deployed/fake-azure.ts";

let azure: FakeAzure;
beforeAll(async () => {
  azure = await startFakeAzure();
});
beforeEach(() => {
  azure.reset();
});
afterAll(() => azure.stop());

function look(
  given: Partial<Arguments> = {},
  values: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Explanation> {
  const question = questionOf(policy, { caller: "caller-func", call: "GET /api/records/x", ...given });
  return withDeployment(explain(question), question, {
    ...optionsOf(azure),
    environment: { ...azure.environment, ...values },
    ...(signal !== undefined && { signal }),
  });
}

/** The ids of the checks of each point that has some; with a result, of those only. */
function checks({ steps }: Explanation, result?: string): Record<string, string[]> {
  return Object.fromEntries(
    steps.flatMap(({ id, checks: own = [] }) => {
      const ids = own.filter((check) => result === undefined || check.result === result).map((check) => check.id);
      return ids.length === 0 ? [] : [[id, ids]];
    }),
  );
}

describe("a deployment that is as the template says", () => {
  it("has at each point what bears on the call, and nothing else", async () => {
    const answer = await look();
    expect(checks(answer, "finding")).toEqual({});
    expect(checks(answer, "not-checked")).toEqual({});
    expect(exitCodeOfDeployment(answer)).toBe(0);
    const settingsOf = (service: string, names: string): string[] =>
      names.split(" ").map((name) => `sites/${service}/settings/${name}`);
    const sorted = Object.entries(checks(answer)).map(([id, own]) => [id, own.sort()]);
    expect(Object.fromEntries(sorted)).toEqual({
      token: [
        "assignments/callee-func/caller-func/Records.Read",
        "assignments/callee-func/caller-func/Records.Write",
        ...["assignment-required", "enabled", "identifier-uri", "registration"].map(
          (id) => `directory/callee-func/${id}`,
        ),
        "directory/caller-func/identity",
        "directory/caller-func/identity-enabled",
        "sites/caller-func/identity",
        ...settingsOf(
          "caller-func",
          "AZURE_AUTHORITY_HOST AZURE_CLIENT_ID AZURE_TENANT_ID CALLEE_SCOPE CALLER_CREDENTIAL",
        ),
      ],
      network: [
        ...["outbound", "routing", "security-group", "service-endpoints", "subnet"].map(
          (id) => `network/caller-func/${id}`,
        ),
        ...["default-action", "public-network-access", "rules"].map((id) => `restrictions/callee-func/main/${id}`),
        "sites/callee-func/private-endpoints",
        "sites/caller-func/settings/CALLEE_URL",
      ],
      host: [
        "code/callee-func/functions",
        "code/callee-func/package",
        ...["admin-isolation", "authentication", "exists", "runtime"].map((id) => `sites/callee-func/${id}`),
        "sites/callee-func/settings/WEBSITE_RUN_FROM_PACKAGE",
      ],
      "token-check": [
        "directory/callee-func/token-version",
        "sites/callee-func/settings-by-hand",
        ...settingsOf(
          "callee-func",
          "API_CLIENT_ID API_IDENTIFIER_URI AZURE_AUTHORITY_HOST AZURE_TENANT_ID REPORT_ONLY_UNTIL",
        ),
      ],
      "allow-list": ["sites/callee-func/settings-by-hand", "sites/callee-func/settings/ALLOWED_CALLERS"],
      role: [
        "assignments/callee-func/caller-func/Records.Read",
        "assignments/callee-func/outside-policy",
        "directory/callee-func/app-roles",
      ],
    });
    expect(printed(answer)).toMatch(/The deployment is as the template says: \d+ values that bear on this call\.$/);
  });

  it.each<[string, Partial<Arguments>, Record<string, string>, string[]]>([
    [
      "an external caller",
      { caller: "batch-jobs" },
      {},
      ["external/batch-jobs/enabled", "external/batch-jobs/service-endpoint", "external/batch-jobs/service-principal"],
    ],
    [
      "a caller as an app registration",
      {},
      { RESTRICTED_CALLER_CREDENTIAL: "federated-identity" },
      [
        "directory/caller-func/client-enabled",
        "directory/caller-func/client-federation",
        "sites/caller-func/settings/CALLER_APP_CLIENT_ID",
      ],
    ],
    ["a caller that is granted nothing", { as: "unlisted" }, {}, ["assignments/callee-func/outside-policy"]],
    [
      "App Service Authentication",
      {},
      { RESTRICTED_APP_SERVICE_AUTHENTICATION: "true" },
      ["sites/callee-func/authentication", "sites/callee-func/authentication-callers"],
    ],
  ])("has the values of %s", async (_, given, values, ids) => {
    const own = Object.values(checks(await look(given, values))).flat();
    expect(own).toEqual(expect.arrayContaining(ids));
  });

  it("leaves out the caller's network for a call from elsewhere, and its identity for another one", async () => {
    const elsewhere = checks(await look({ from: "other-subnet" }));
    expect(elsewhere["network"]?.some((id) => id.startsWith("network/"))).toBe(false);
    const other = checks(await look({ as: "other-role" }));
    expect(other["token"]?.some((id) => id.includes("caller-func"))).toBe(false);
    expect(other["network"]).toContain("network/caller-func/subnet");
  });

  it("is read, and not called or changed", async () => {
    await look();
    const changing = azure.requests.filter(
      ({ what }) => !/^(GET|POST (?=.*\/(list\w*|config\/appsettings\/list)$)) ?\/(subscriptions|v1\.0)\//.test(what),
    );
    expect(changing.map(({ what }) => what)).toEqual([]);
    expect(azure.requests.length).toBeGreaterThan(10);
  });
});

describe("a deployment that differs", () => {
  /** The point at which each drift is seen, by the id of its check. */
  const points: Readonly<Record<string, readonly string[]>> = {
    "directory/callee-func/assignment-required": ["token"],
    "directory/callee-func/enabled": ["token"],
    "directory/caller-func/identity-enabled": ["token"],
    "sites/caller-func/settings/CALLEE_SCOPE": ["token"],
    "restrictions/callee-func/main/rules": ["network"],
    "restrictions/callee-func/main/default-action": ["network"],
    "network/caller-func/routing": ["network"],
    "network/caller-func/service-endpoints": ["network"],
    "code/callee-func/package": ["host"],
    "sites/callee-func/admin-isolation": ["host"],
    "directory/callee-func/token-version": ["token-check"],
    "sites/callee-func/settings-by-hand": ["token-check", "allow-list"],
    "sites/callee-func/settings/ALLOWED_CALLERS": ["allow-list"],
    "directory/callee-func/app-roles": ["role"],
    "assignments/callee-func/outside-policy": ["role"],
  };
  const seen = drifts.filter(({ id }) => points[id] !== undefined);

  it("has a drift for each of these checks", () => {
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(Object.keys(points)));
  });

  it.each(seen.map((drift) => [drift.name, drift] as const))("says at which point: %s", async (_, drift) => {
    drift.change(azure.answers);
    const answer = await look();
    expect(checks(answer, "finding")).toEqual(
      Object.fromEntries((points[drift.id] ?? []).map((point) => [point, [drift.id]])),
    );
    expect(exitCodeOfDeployment(answer)).toBe(1);
    expect(answer.summary).toMatch(
      /^The deployment differs in 1 of \d+ values, above\. By the policy and the template: Allowed: /,
    );
    expect(printed(answer).match(/^ {2}DIFFERS {6}/gm)).toHaveLength(points[drift.id]?.length ?? 0);
    expect(printed(answer)).toMatch(
      new RegExp(`deployment differs: ${drift.id}\n.*expected: .*\n.*found: .*\n.*fix: `),
    );
  });

  it("says that the caller's role is missing where the policy grants it: of this operation, and any other", async () => {
    const missing = drifts.find(({ id }) => id === "assignments/callee-func/caller-func/Records.Write");
    missing?.change(azure.answers);
    const call = "PUT /api/entries/x";
    const id = missing?.id;
    expect(checks(await look({ call }), "finding")).toEqual({ token: [id], role: [id] });
    expect(checks(await look(), "finding")).toEqual({ token: [id] });
  });

  it("says nothing of what does not bear on the call", async () => {
    for (const { change } of drifts.filter(({ id }) => /^storage\/|\/scm\/|\/ftp$/.test(id))) change(azure.answers);
    expect(checks(await look(), "finding")).toEqual({});
  });
});

describe("a deployment that cannot be read", () => {
  it("ends with 2, if nothing else differs, and says which value", async () => {
    const assignments = `GET /v1.0/servicePrincipals/${ids.apiPrincipal}/appRoleAssignedTo`;
    azure.answers[assignments] = {
      status: 403,
      body: { error: { code: "Authorization_RequestDenied", message: "No." } },
    };
    const answer = await look();
    expect(Object.keys(checks(answer, "not-checked"))).toEqual(["token", "role"]);
    expect(exitCodeOfDeployment(answer)).toBe(2);
    expect(answer.summary).toContain("could not be read");
    expect(printed(answer)).toContain("deployment not read: assignments/callee-func/caller-func/Records.Read: ");
    drifts.find(({ id }) => id === "restrictions/callee-func/main/default-action")?.change(azure.answers);
    expect(exitCodeOfDeployment(await look())).toBe(1);
  });

  it("is refused without a deployment, and ends at a signal", async () => {
    await expect(look({}, { SERVICES: "" })).rejects.toThrow(CannotStartError);
    await expect(look({}, {}, AbortSignal.abort(new Error("Ctrl-C")))).rejects.toThrow("Ctrl-C");
  });
});
