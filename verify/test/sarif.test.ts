/** The report as SARIF. */
import "../../tools/testing/example-system.ts";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { Report } from "../model/report.ts";
import { sarifOf } from "../report/sarif.ts";
import { deploymentReport, failedReport, filteredReport, passedReport } from "./report/fixtures.ts";

const root = join(import.meta.dirname, "..", "..");

function resultsOf(report: Report) {
  return (sarifOf(report).runs[0]?.results ?? []).map(({ ruleId, message, locations, ...rest }) => {
    const { artifactLocation, region } = locations?.[0]?.physicalLocation ?? {};
    return {
      ruleId,
      text: message.text ?? "",
      id: message.text?.split(/: expected | \(/)[0],
      fingerprint: rest.partialFingerprints?.["primaryLocationLineHash"],
      file: artifactLocation?.uri ?? "",
      line: region?.startLine ?? 0,
    };
  });
}

/** The text of a result's line. */
function lineOf({ file, line }: { readonly file: string; readonly line: number }): string {
  return readFileSync(join(root, file), "utf8").split("\n")[line - 1] ?? "";
}

describe.each([
  ["passed", passedReport],
  ["failed", failedReport],
  ["filtered", filteredReport],
  ["a deployment", deploymentReport],
])("the SARIF file of a report: %s", (_, make) => {
  const report = make();

  it("has one result for each difference, and no other", () => {
    const differs = [...report.cells, ...report.checks].filter(({ result }) =>
      ["different", "finding"].includes(result),
    );
    expect(resultsOf(report).map(({ id }) => id)).toEqual(differs.map(({ id }) => id));
  });

  it("gives each result a fingerprint of its own, also at the same line", () => {
    const fingerprints = resultsOf(report).map(({ fingerprint }) => fingerprint);
    expect(new Set(fingerprints).size).toBe(fingerprints.length);
    for (const fingerprint of fingerprints) expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
  });

  it("lists the rule of each result", () => {
    const [run] = sarifOf(report).runs;
    const rules = run?.tool.driver.rules?.map(({ id }) => id) ?? [];
    for (const { ruleId } of resultsOf(report)) expect(rules).toContain(ruleId);
  });
});

it("is not successful where something was not checked", () => {
  const successOf = (report: Report) => sarifOf(report).runs[0]?.invocations?.[0]?.executionSuccessful;
  const failed = failedReport();
  const [first, ...others] = failed.cells;
  const cells = first === undefined ? [] : [{ ...first, result: "not-checked" as const }, ...others];
  expect(successOf({ ...failed, cells }), "something differs as well").toBe(false);
  expect([passedReport(), failedReport(), filteredReport()].map(successOf)).toEqual([true, true, false]);
});

describe("the place of a result", () => {
  const checks = (ids: readonly string[]): Report => {
    const report = deploymentReport();
    const [check] = report.checks;
    const found = ids.flatMap((id) => (check === undefined ? [] : [{ ...check, id, result: "finding" as const }]));
    return { ...report, cells: [], checks: found };
  };

  it.each([
    ["restrictions/callee-func/main/rules", /^ +ipSecurityRestrictions: /],
    ["restrictions/callee-func/main/default-action", /^ +ipSecurityRestrictionsDefaultAction: /],
    ["restrictions/callee-func/main/public-network-access", /^ +publicNetworkAccess: /],
    ["restrictions/callee-func/scm/rules", /^ +scmIpSecurityRestrictions: /],
    ["restrictions/callee-func/scm/default-action", /^ +scmIpSecurityRestrictionsDefaultAction: /],
    ["restrictions/callee-func/scm/rules-of-main", /^ +scmIpSecurityRestrictionsUseMain: /],
    ["sites/callee-func/settings/ALLOWED_CALLERS", /settings:/],
    ["sites/callee-func/authentication", /^resource authentication /],
    ["sites/callee-func/ftp", /^resource site /],
    ["network/callee-func/outbound", /^resource outbound /],
    ["network/callee-func/plan-alone", /^resource elasticPremium /],
    ["network/callee-func/delegation", /^resource network /],
    ["storage/callee-func-host/shared-key", /^resource account /],
    ["storage/callee-func-data/shared-key", /^resource account /],
    ["directory/callee-func/identity-federation", /^resource identity /],
    ["directory/callee-func/assignment-required", /appRoleAssignmentRequired/],
    ["directory/callee-func/client-secrets", /^resource callerApplication /],
    ["directory/callee-func/audience", /^resource application /],
    ["assignments/callee-func/outside-policy", /"callers": /],
  ])("is the line of the rule: %s", (id, text) => {
    const [result] = resultsOf(checks([id]));
    expect(lineOf(result ?? { file: "", line: 0 })).toMatch(text);
  });

  it("of a call that the network decides is the template's", () => {
    const report = failedReport();
    const results = resultsOf(report);
    const network = results.find(({ id }) => id?.includes("/internet/"));
    expect(network).toMatchObject({ ruleId: "call", file: "infra/modules/site.bicep" });
    expect(lineOf(network ?? { file: "", line: 0 })).toMatch(/ipSecurityRestrictions: /);
    const other = results.find(({ id }) => id?.includes("/other-role"));
    expect(other).toMatchObject({ file: "shared/access-policy.json" });
  });

  it("of the deployed code is the app's first line", () => {
    expect(resultsOf(checks(["code/callee-func/package"]))).toMatchObject([
      { file: "callee-func/src/main.ts", line: 1 },
    ]);
  });

  it("of any other check is the whole template", () => {
    expect(resultsOf(checks(["template/vnet/x"]))).toMatchObject([{ file: "infra/main.bicep", line: 1 }]);
  });
});
