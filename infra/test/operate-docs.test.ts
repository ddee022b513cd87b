import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { auditEvent } from "@restricted-calls/shared/authorization";
import { readSnapshot, resources } from "../snapshot.ts";

const root = join(import.meta.dirname, "..", "..");
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const matches = (text: string, pattern: RegExp): string[] => [...text.matchAll(pattern)].map(([, name = ""]) => name);
const pages = globSync(["*.md", "docs/*.md"], { cwd: root });

/** A page's section by its heading, up to the next heading of the same level. */
function section(page: string, heading: string): string {
  const [, text = ""] = textOf(page).split(`\n## ${heading}\n`);
  return text.split(/\n## /)[0] ?? "";
}

describe("the runbook", () => {
  const headings = matches(section("docs/operate.md", "Alerts"), /^### (.+)$/gm);
  const rules = resources(readSnapshot("default"), "Microsoft.Insights/scheduledQueryRules");

  it("has a heading for each alert that is deployed, and for no other", () => {
    const names = rules.map(({ properties }) => properties?.displayName);
    expect(names.length).toBeGreaterThan(3);
    expect(headings.toSorted()).toEqual(names.toSorted());
  });
});

describe("the runbook of alerts on changes", () => {
  it("has a heading for each alert that is deployed, and for no other", () => {
    const snapshot = readSnapshot("default");
    const suffix = resources(snapshot, "Microsoft.Insights/components")[0]?.name?.replace("appi", "") ?? "?";
    const names = resources(snapshot, "Microsoft.Insights/activityLogAlerts").map(({ name }) =>
      name?.replace(suffix, ""),
    );
    expect(names.length).toBeGreaterThan(2);
    const headings = matches(section("docs/operate.md", "Alerts on changes"), /^### (.+)$/gm);
    expect(headings.toSorted()).toEqual(names.toSorted());
  });
});

/** Columns by table, as far as they are used: https://learn.microsoft.com/azure/azure-monitor/reference/tables-index */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  AppTraces: ["TimeGenerated", "AppRoleName", "AppRoleInstance", "Message", "OperationId", "SeverityLevel", "Type"],
  AppRequests: ["TimeGenerated", "AppRoleName", "Name", "OperationId", "Success", "Type"],
  FunctionAppLogs: ["TimeGenerated", "AppName", "RoleInstance", "Category", "Level", "Message"],
  // The same as AppTraces, by the names of Application Insights' own view.
  traces: ["timestamp", "message"],
};

/** What of the language the queries use: https://learn.microsoft.com/kusto/query/ */
const LANGUAGE = new Set(
  (
    "ago and asc bin by count datatable dcount desc distinct extend extract false isempty isnotempty join kind leftanti let max on " +
    "order parse_json project render startswith string sum summarize timechart tobool todouble toint tolong tostring true union unixtime_seconds_todatetime where"
  ).split(" "),
);

/** The fields of each event that the apps log. */
const EVENTS: Readonly<Record<string, readonly string[]>> = {
  authorization: Object.keys(
    auditEvent(
      { authorization: null, query: new URLSearchParams(), operation: "getRecord", traceParent: undefined },
      "Records.Read",
      { allowed: false, code: "no-credentials" },
    ),
  ),
  "delivery-run": [
    ...matches(/event: "delivery-run"(.*)}/.exec(textOf("shared/functions/delivery-timer.ts"))?.[1] ?? "", /, (\w+)/g),
    ...matches(
      /interface RunSummary {(.*?)^}/ms.exec(textOf("shared/outbox/outbox.ts"))?.[1] ?? "",
      /^ {2}readonly (\w+)\??:/gm,
    ),
  ],
};

describe("the queries of the documentation", () => {
  const queries = pages.flatMap((page) =>
    matches(textOf(page), /^```kusto\n(.*?)^```/gms).map((query, i) => ({ page, query, number: i + 1 })),
  );

  it("are there", () => {
    expect(queries.filter(({ page }) => page === join("docs", "operate.md")).length).toBeGreaterThan(5);
  });

  it.each(queries)("name what is logged, and columns that there are: $page, query $number", ({ query }) => {
    const event = /'{"event":"([\w-]+)"'/.exec(query)?.[1];
    const withoutValues = query.replaceAll(/'[^']*'|"[^"]*"|\b\d+[dhms]?\b/g, "");
    const tables = Object.keys(TABLES).filter((table) => new RegExp(`\\b${table}\\b`).test(withoutValues));
    expect(tables).not.toEqual([]);

    const fields = matches(withoutValues, /\b(?:event|run)\.(\w+)/g);
    if (event !== undefined) expect(fields).not.toEqual([]);
    expect(EVENTS[event ?? ""] ?? []).toEqual(expect.arrayContaining(fields));

    const defined = matches(withoutValues, /(\w+)\s*(?:=(?!=)|: string\b)/g);
    const known = new Set([...tables, ...tables.flatMap((table) => TABLES[table] ?? []), ...defined, ...LANGUAGE]);
    const names = matches(withoutValues.replaceAll(/\.\w+/g, ""), /\b([A-Za-z_]\w*)/g);
    expect(names.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("the names of settings in the documentation", () => {
  const SETTING = /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/g;
  const sources = globSync(["**/*.{ts,mjs,cjs,json,bicep,bicepparam,yaml,yml}", ".github/**/*.{yaml,yml}"], {
    cwd: root,
    exclude: (name) => ["node_modules", "dist", ".local", "package-lock.json"].includes(name),
  });
  const inSources = new Set(sources.flatMap((file) => matches(textOf(file), SETTING)));

  // Its examples bring settings of their own, and a test runs them.
  const withoutExamples = pages.filter((page) => page !== join("docs", "make-it-yours.md"));

  it.each(withoutExamples)("are in the code, the templates or the workflows: %s", (page) => {
    // Core Tools and Node read those by themselves.
    const named = [...new Set(matches(textOf(page), SETTING))].filter(
      (name) => !name.startsWith("FUNCTIONS_CORE_TOOLS_") && name !== "NODE_COMPILE_CACHE",
    );
    expect(named.filter((name) => !inSources.has(name))).toEqual([]);
  });
});
