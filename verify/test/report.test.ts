/** The report: its status, JSON and page. */
import "../../tools/testing/example-system.ts";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import formats from "ajv-formats";
import { type AnySchemaObject, Ajv2020 } from "ajv/dist/2020.js";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Policy } from "@restricted-calls/shared/access-policy";
import { renderHtml } from "../report/html.ts";
import { html } from "../report/markup.ts";
import { unpacked } from "../report/packed.ts";
import { accessReview } from "../report/access-review.ts";
import { grantsOf } from "../../tools/grants.ts";
import { inWords, picture, policySection } from "../report/policy.ts";
import { type Cell, type Check, type Report, REPORT_SCHEMA } from "../model/report.ts";
import { reason } from "../report/summary.ts";
import { exitCodeOf, statusOf } from "../model/status.ts";
import { anchorOf, commandFor } from "../report/words.ts";
import { writeReport } from "../report/write-report.ts";
import {
  deploymentReport,
  failedReport,
  filteredReport,
  hostileReport,
  largeReport,
  passedReport,
  policy,
  reportOfServices,
} from "./report/fixtures.ts";

const CALLS = failedReport().cells.length.toLocaleString("en-GB");

const reports: readonly [name: string, report: Report][] = [
  ["passed", passedReport()],
  ["failed", failedReport()],
  ["of a running system", { ...passedReport(), target: { kind: "local", system: "running", commit: null } }],
  ["filtered", filteredReport()],
  ["deployment", deploymentReport()],
  ["six services", reportOfServices(6)],
];

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "report-"));
});
afterAll(() => rm(folder, { recursive: true }));

describe("the status", () => {
  const cell = (result: Cell["result"]): Cell => ({ result }) as Cell;
  const check = (result: Check["result"]): Check => ({ result }) as Check;
  const leftOut: Check = { ...check("not-checked"), leftOut: true };
  const good = { cells: [cell("as-expected")], checks: [check("as-expected")], only: null };

  it.each([
    ["passed", "all is as expected", good],
    ["failed", "a call differs", { ...good, cells: [cell("as-expected"), cell("different")] }],
    ["failed", "a setting differs", { ...good, checks: [check("finding")] }],
    ["failed", "one differs and another was not checked", { ...good, cells: [cell("different"), cell("not-checked")] }],
    ["incomplete", "a call was not made", { ...good, cells: [cell("not-checked")] }],
    ["incomplete", "a setting was not seen", { ...good, checks: [check("not-checked")] }],
    ["incomplete", "a setting was left out", { ...good, checks: [leftOut] }],
    ["incomplete", "some was filtered out", { ...good, only: "both/" }],
    ["incomplete", "nothing was verified", { cells: [], checks: [], only: null }],
  ] as const)("is %s where %s", (status, _, parts) => {
    expect(statusOf(parts)).toBe(status);
  });

  it.each([
    [0, "passed", [], [cell("as-expected")]],
    [0, "incomplete", [check("as-expected")], [cell("as-expected"), cell("not-checked")]],
    [0, "incomplete", [check("as-expected")], []],
    [3, "incomplete", [check("not-checked")], [cell("as-expected")]],
    [0, "incomplete", [leftOut], [cell("as-expected")]],
    [3, "incomplete", [leftOut, check("not-checked")], [cell("as-expected")]],
    [1, "failed", [leftOut], [cell("different")]],
    [3, "incomplete", [check("as-expected")], [cell("not-checked"), cell("not-checked")]],
    [1, "failed", [check("not-checked")], [cell("not-checked")]],
  ] as const)("ends the command with %d: %s", (code, status, checks, cells) => {
    expect(exitCodeOf({ status, checks, cells })).toBe(code);
  });

  it.each([
    [`All ${CALLS} calls match the access policy and the templates.`, passedReport()],
    [`3 of ${CALLS} calls differ from the access policy or the templates.`, failedReport()],
    [
      "2 of 8 settings differ from the access policy or the templates. Not checked: 306 of 459 calls and 1 of 8 settings.",
      deploymentReport(),
    ],
    ["only what matches “both/get-record/” was verified (27 calls).", filteredReport()],
    ["Nothing was verified.", { ...passedReport(), cells: [], status: "incomplete" as const }],
  ])("says: %s", (words, report) => {
    expect(reason(report)).toContain(words);
  });
});

describe("report.json", async () => {
  const schema = JSON.parse(
    await readFile(join(import.meta.dirname, "../model/report.schema.json"), "utf8"),
  ) as AnySchemaObject;
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  formats.default(ajv);
  const validate = ajv.compile(schema);

  it.each(reports)("is what its schema says: %s", (_, report) => {
    expect([validate(report), validate.errors]).toEqual([true, null]);
  });

  it("describes every field", () => {
    const silent = everyObject(schema).flatMap(([path, node]) =>
      path.endsWith("/properties")
        ? Object.entries(node)
            .filter(([, field]) => !isDescribed(field, schema))
            .map(([name]) => `${path}/${name}`)
        : [],
    );
    expect(silent).toEqual([]);
  });

  it("is refused with a field missing, and with one too many", () => {
    const report = { ...deploymentReport(), cells: failedReport().cells.slice(0, 60) };
    const objects = everyObject(report).filter(([path]) => !MAPS.test(path));
    const kinds = Map.groupBy(objects, ([path, node]) => `${path.replace(/\/\d+/g, "")} ${Object.keys(node).join()}`);
    expect(kinds.size).toBeGreaterThan(12);
    for (const [first] of kinds.values()) {
      if (first === undefined) continue;
      const [path, node] = first;
      for (const name of Object.keys(node)) {
        const { [name]: gone, ...rest } = node;
        replaced(node, rest, () => {
          expect([path, name, validate(report)]).toEqual([path, name, OPTIONAL.has(name)]);
        });
        expect(gone).toBeDefined();
      }
      replaced(node, { ...node, extra: 1 }, () => {
        expect([path, validate(report)]).toEqual([path, false]);
      });
    }
    expect(validate(report)).toBe(true);
  });

  it("is written with the page and the schema that it names, and nothing else is left", async () => {
    const place = join(folder, "whole");
    const report = deploymentReport();
    const paths = await writeReport(report, place);
    expect(paths).toEqual({ html: join(place, "report.html"), json: join(place, "report.json") });
    expect((await readdir(place)).sort()).toEqual(["report.html", "report.json", "report.schema.json"]);
    expect(JSON.parse(await readFile(paths.json, "utf8"))).toEqual({ ...report, $schema: REPORT_SCHEMA });
    expect(JSON.parse(await readFile(join(place, REPORT_SCHEMA), "utf8"))).toEqual(schema);
  });

  it("is read by the commands of docs/verify.md", async () => {
    const page = await readFile(join(import.meta.dirname, "../../docs/verify.md"), "utf8");
    const commands = [...page.matchAll(/^node -p "(.*)"$/gm)].map(([, script = ""]) => script);
    const answers = async (report: Report): Promise<string[]> => {
      const place = await mkdtemp(join(folder, "read-"));
      await writeReport(report, join(place, ".local", "verify"));
      const run = promisify(execFile);
      const outputs = commands.map((script) => run(process.execPath, ["-p", script], { cwd: place }));
      return (await Promise.all(outputs)).map(({ stdout }) => stdout);
    };
    const [status, different] = await answers(failedReport());
    expect(status).toBe("failed\n");
    expect(different?.match(/both\//g)).toHaveLength(3);
    expect((await answers(deploymentReport()))[2]).toContain("az webapp config access-restriction set");
  });

  it("is not written with a wrong status", async () => {
    const place = join(folder, "false");
    await expect(writeReport({ ...failedReport(), status: "passed" }, place)).rejects.toThrow('instead of "failed"');
    await expect(readdir(place)).rejects.toThrow("ENOENT");
  });

  it("leaves no half of a file behind where it cannot be written", async () => {
    const place = join(folder, "file");
    await writeFile(place, "in the way");
    await expect(writeReport(filteredReport(), place)).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name.endsWith(".part"))).toEqual([]);
  });
});

describe("report.html", () => {
  it("escapes what it is given, in text and in attributes, and nothing of its own", () => {
    expect(html`<a title="${`"'<&`}">${["<b>", html`<i>${"&"}</i>`, null, 0]}</a>`.text).toBe(
      '<a title="&quot;&#39;&lt;&amp;">&lt;b&gt;<i>&amp;</i>0</a>',
    );
  });

  it("shows characters that cannot be seen, so that nothing reads as what it is not", () => {
    expect(html`${"a\u202eb\u0000c\td"}`.text).toBe("a\\u202eb\\u0000c\td");
  });

  it.each([
    ["a script", `"><script>alert(1)</script>`],
    ["an attribute that is left", `'><img src=x onerror=alert(1)>`],
    ["the end of what holds it", "</style></script><!--"],
    ["a character that a parser drops", "</pre>\u0000"],
  ])("lets no string of a report become markup: %s", async (_, hostile) => {
    const clean = await renderHtml(hostileReport(";x"));
    const page = await renderHtml(hostileReport(hostile));
    const tags = (text: string): string[] => text.match(/<[a-z!/][^\s>]*/gi) ?? [];
    expect(tags(page).filter((tag) => tag !== "<wbr")).toEqual(tags(clean).filter((tag) => tag !== "<wbr"));
  });

  it("offers no step that a hostile name could turn into another command", async () => {
    expect(await renderHtml(deploymentReport())).toMatch(/git checkout cc77.*\nazd env select prod\n/);
    expect(await renderHtml(hostileReport("; reboot"))).not.toMatch(/git checkout|azd env select/);
  });

  it.each(reports)("has every call once, under its own id: %s", async (_, report) => {
    const page = withoutScript(await renderHtml(report));
    const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(ids.length).toBe(new Set(ids).size);
    expect(ids).toEqual(expect.arrayContaining(report.cells.map(({ id }) => anchorOf(id))));
    for (const [, target] of page.matchAll(/href="#([^"]*)"/g)) {
      if (!target?.startsWith("icon-")) expect(ids).toContain(target);
    }
  });

  it("is of a size that opens at once: the whole matrix in less than 5 MB", async () => {
    const page = await renderHtml(passedReport());
    expect(Buffer.byteLength(page)).toBeLessThan(5_000_000);
    expect(Buffer.byteLength(page)).toBeGreaterThan(1_000_000);
  });

  it("has the calls of a large report as data only, each value once", async () => {
    const large = largeReport();
    const page = await renderHtml(large);
    expect(Buffer.byteLength(page)).toBeLessThan(500_000);
    expect(page).toContain(`shows the ${large.cells.length.toLocaleString("en-GB")} calls. Without it, see`);
    expect(withoutScript(page)).not.toContain('class="call');

    const data = /<template id="data">([^<]*)</.exec(page)?.[1] ?? "";
    const { list, rest, matching } = await unpacked(data, "exchanges");
    const { checks: _, ...expected } = large;
    // JSON has no getters.
    expect(JSON.parse(JSON.stringify({ ...(rest as object), cells: list }))).toEqual(expected);
    for (const text of ["ended an hour", "x-ms-forbidden-ip", "203.0.113.7"]) {
      const matches = matching(text);
      const found = large.cells.map((cell) => JSON.stringify(cell).includes(text));
      expect(found).toContain(true);
      expect(large.cells.map((_, i) => matches(i))).toEqual(found);
    }
  });

  it("lists the first 500 of very many differences in full, and has the others below", async () => {
    const { cells, ...rest } = largeReport();
    const failed = { ...rest, cells: cells.map((cell) => ({ ...cell, result: "different" as const })) };
    const page = await renderHtml({ ...failed, status: "failed" });
    expect(page.match(/class="call card different"/g)).toHaveLength(500);
    expect(page).toContain('<a href="#calls">Every call</a> has the others');
  });

  it("shows which services each caller reached, if there are several", async () => {
    const table = /<table class="grid overview">[^]*?<\/table>/.exec(await renderHtml(reportOfServices(3)))?.[0] ?? "";
    const rows = [...table.matchAll(/<tr>[^]*?<\/tr>/g)].map(([row]) =>
      row
        .replace(/<[^>]*>\s*/g, " ")
        .trim()
        .split(/\s+/),
    );
    expect(rows.slice(0, 4)).toEqual([
      ["Who", "calls", "accounts", "catalogue"],
      ["storefront", "2", "1"],
      ["accounts", "–", "2"],
      ["catalogue", "–", "–"],
    ]);
    expect(await renderHtml(passedReport())).not.toContain("grid overview");
  });

  it("has a rule for each class, and a class for each rule", async () => {
    const [css = "", script = ""] = await Promise.all(
      ["page.css", "page.js"].map((name) => readFile(join(import.meta.dirname, "../report", name), "utf8")),
    );
    const pages = await Promise.all(reports.map(async ([, report]) => withoutScript(await renderHtml(report))));
    const classes = pages.flatMap((page) => [...page.matchAll(/\sclass="([^"]*)"/g)]).map(([, names = ""]) => names);
    const written = new Set(classes.flatMap((names) => names.split(" ")));
    const rules = new Set([...css.matchAll(/\.([a-z][\w-]*)/g)].map(([, name = ""]) => name));
    const isOfScript = (name: string): boolean => script.includes(`.${name}`) || script.includes(`"${name}"`);
    expect([...written].filter((name) => !rules.has(name) && !isOfScript(name))).toEqual([]);
    expect([...rules].filter((name) => !written.has(name) && !isOfScript(name))).toEqual([]);
  });

  describe("names the code of", () => {
    const [one, other] = ["1".repeat(40), "2".repeat(40)];
    const commitOf = async (target: Report["target"], commit: Report["commit"]): Promise<string> =>
      /<dt>Commit<\/dt>\s*<dd>(.*?)<\/dd>/s
        .exec(await renderHtml({ ...passedReport(), target, commit }))?.[1]
        ?.replace(/<[^>]*>/g, "")
        .replace(/\s+/g, " ") ?? "";
    const running = (commit: Report["commit"]): Report["target"] => ({ kind: "local", system: "running", commit });

    it("a system of its own", async () => {
      expect(await commitOf({ kind: "local", system: "own" }, { id: one, changed: false })).toBe(`${one}, unchanged`);
    });

    it("a running system, where nothing has changed since its start", async () => {
      expect(await commitOf(running({ id: one, changed: false }), { id: one, changed: false })).toBe(
        `${one}, unchanged`,
      );
    });

    it.each<[string, Report["commit"], Report["commit"], string]>([
      ["at another commit now", { id: one, changed: false }, { id: other, changed: false }, `${other}, unchanged`],
      ["changed now", { id: one, changed: false }, { id: one, changed: true }, `${one}, with changes`],
      ["changed then", { id: one, changed: true }, { id: one, changed: false }, `${one}, unchanged`],
      [
        "changed then and now, nobody knows how",
        { id: one, changed: true },
        { id: one, changed: true },
        `${one}, with`,
      ],
      ["no git checkout", null, null, "not known"],
    ])("a running system whose checkout is %s", async (_, then, now, present) => {
      const text = await commitOf(running(then), now);
      expect(text).toContain(`when the system was started: ${then?.id ?? "not known"}`);
      expect(text).toContain(`when it was verified: ${present}`);
      expect(text).toContain("What ran may be other code");
    });
  });

  it("does not move by itself", async () => {
    const css = await readFile(join(import.meta.dirname, "../report/page.css"), "utf8");
    expect(css).not.toMatch(/animation|transition|scroll-behavior/);
  });

  it("says that nothing was tried where nothing was", async () => {
    const page = await renderHtml({ ...passedReport(), cells: [], status: "incomplete" });
    expect(page).toContain("Nothing was verified.");
    expect(page).toContain("No attack of the catalogue was tried.");
  });

  it("gives two ids two anchors, each without white space", () => {
    expect(anchorOf("both/attack/internet/no key id")).toBe("both/attack/internet/no~20.key~20.id");
    expect(anchorOf("a~20.b")).not.toBe(anchorOf("a b"));
  });

  it("gives the command for one call, and none that a shell could read as more than one word", () => {
    const [local, deployed] = [passedReport(), deploymentReport()];
    expect(commandFor(local, null)).toBe("npm run verify");
    expect(commandFor(local, "both/a/b")).toBe("npm run verify -- --only both/a/b");
    expect(commandFor(deployed, "both/a b")).toBe('npm run verify -- --deployed --only "both/a b"');
    for (const hostile of ['a"; reboot', "$(reboot)", "a`b`", "a\nb", "%PATH%", "a & b", "-x;y"]) {
      expect(commandFor(local, hostile)).toBeNull();
    }
  });
});

describe("the picture", () => {
  it("says in words who may call whom", () => {
    expect(inWords(policy)).toMatch(/^caller-func may call callee-func as Records.Read, Records.Write\. Every other/);
    expect(inWords({ services: {} })).toMatch(/^Nobody may call anybody\./);
  });

  it.each([1, 2, 3, 6])("draws %d services: an arrow for each grant, boxes that do not overlap", (number) => {
    const { services } = reportOfServices(number).policy;
    const grants = Object.values(services).flatMap(({ callers }) => Object.keys(callers));
    expectDrawing(picture({ services }).text, grants.length);
  });

  it("draws 20 services without crossing arrows: one for all callers of a service with the same roles", () => {
    const names = Array.from({ length: 20 }, (_, i) => `service-${i}`);
    const services = Object.fromEntries(
      names.map((name, i) => {
        const callers = names
          .slice(0, i)
          .map((caller, at) => [caller, at === 0 ? ["Read", "Write"] : ["Read"]] as const);
        const role = { id: "00000000-0000-4000-8000-000000000001", description: "Call it" };
        return [name, { subnet: i, roles: { Read: role, Write: role }, callers: Object.fromEntries(callers) }] as const;
      }),
    );
    const drawn = picture({ services }).text;
    // The second service has one caller, each further one also callers that only read.
    expectDrawing(drawn, 1 + 18 * 2);
    expect(drawn).toContain("18 callers");
    expect(drawn).toContain("service-18, subnet 18");
    const arrows = [...drawn.matchAll(/class="grant"\s+d="M\d+ ([\d.]+)C\S+ ([\d.]+) \S+ ([\d.]+) /g)];
    expect(arrows).toHaveLength(37);
    for (const [, begin, middle, end] of arrows) expect([begin, end]).toEqual([middle, middle]);
  });

  describe("of external callers", () => {
    const external = {
      "batch-jobs": {
        clientId: "1",
        objectId: "2",
        subnet: "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/cluster/subnets/nodes",
      },
      "partner-gateway": { clientId: "3", objectId: "4", addressRanges: ["203.0.113.128/28"] },
    };
    const { services } = policy;
    const callee = services["callee-func"];
    const callers = { ...callee?.callers, "batch-jobs": ["Records.Read"], "partner-gateway": ["Records.Write"] };
    const withExternal = (more: Policy["services"] = {}): Policy => ({
      services: { ...services, ...(callee && { "callee-func": { ...callee, callers } }), ...more },
      externalCallers: external,
    });
    const bottomOfNetwork = (drawn: string): number | undefined => {
      const [, y, height] = /class="frame" x="10" y="(\d+)" width="248" height="(\d+)"/.exec(drawn) ?? [];
      return y === undefined ? undefined : Number(y) + Number(height);
    };
    const topOf = (drawn: string, name: string): number =>
      Number(new RegExp(`y="([\\d.]+)"[^>]*>${name}<`).exec(drawn)?.[1]);

    it("has an arrow for each grant, and the external callers below the virtual network", () => {
      const drawn = picture(withExternal()).text;
      expectDrawing(drawn, 3);
      expect(drawn).toContain("external, its own subnet");
      expect(drawn).toContain("external, public addresses");
      expect(drawn).toContain("by subnet or address");
      for (const name of Object.keys(external)) expect(topOf(drawn, name)).toBeGreaterThan(bottomOfNetwork(drawn) ?? 0);
      for (const name of Object.keys(services)) expect(topOf(drawn, name)).toBeLessThan(bottomOfNetwork(drawn) ?? 0);
      expect(bottomOfNetwork(picture(policy).text)).toBeGreaterThan(0);
      expect(picture(policy).text).not.toContain("by subnet or address");
    });

    it("has no virtual network around them, where many services have their callers beside them", () => {
      const more = Array.from(
        { length: 6 },
        (_, i) => [`more-${i}`, { subnet: i + 2, roles: {}, callers: {} }] as const,
      );
      const drawn = picture(withExternal(Object.fromEntries(more))).text;
      expectDrawing(drawn, 3);
      expect(bottomOfNetwork(drawn)).toBeUndefined();
      expect(drawn).toContain("external, its own subnet");
    });

    it("stands beside a table that says where they call from", () => {
      const section = policySection(withExternal()).text;
      expect(section).toContain("batch-jobs, external, from the subnet cluster/nodes");
      expect(section).toContain("partner-gateway, external, from 203.0.113.128/28");
    });
  });

  describe("the access review", () => {
    const grants = grantsOf(policy);
    const withReason = (until?: string): Policy => {
      const [{ caller, service, role } = { caller: "", service: "", role: "" }] = grants;
      const justification = { owner: "the <owners>", reason: "Because", ...(until !== undefined && { until }) };
      const services = Object.entries(policy.services).map(([name, { justifications: _, ...one }]) => [
        name,
        name === service ? { ...one, justifications: { [caller]: { [role]: justification } } } : one,
      ]);
      return { services: Object.fromEntries(services) as Policy["services"] };
    };
    const review = (policy: Policy): string | undefined => accessReview(policy, "2026-12-31T23:00:00Z")?.text;

    it("has every grant, with owner, reason and end", () => {
      const text = review(withReason("2027-01-01")) ?? "";
      expect(text.match(/<tr>/g)).toHaveLength(1 + grants.length);
      for (const part of ["the &lt;owners&gt;", "Because", "2027-01-01"]) expect(text).toContain(part);
      expect(text).not.toContain("ended");
      expect(text.match(/not stated/g) ?? []).toHaveLength(2 * (grants.length - 1));
    });

    it("says which have ended at the time of the report", () => {
      expect(review(withReason("2026-12-31"))).toContain("<b>ended on 2026-12-31</b>");
      expect(review(withReason())).toContain("no end");
    });

    it("is left out where the policy states no reason", () => {
      const services = Object.fromEntries(
        Object.entries(policy.services).map(([name, { justifications: _, ...one }]) => [name, one]),
      );
      expect(review({ services })).toBeUndefined();
    });
  });

  function expectDrawing(drawn: string, grants: number): void {
    expect(drawn.match(/class="grant"/g) ?? []).toHaveLength(grants);
    expect(drawn.match(/class="cross"/g)).toHaveLength(3);

    const boxes = [...drawn.matchAll(/<rect\s+class="box"\s+x="(\d+)"\s+y="(\d+)"\s+width="\d+"\s+height="(\d+)"/g)];
    const columns = Map.groupBy(boxes, ([, x]) => x);
    for (const column of columns.values()) {
      const places = column.map(([, , y, height]) => [Number(y), Number(height)] as const).sort(([a], [b]) => a - b);
      for (const [i, [y]] of places.entries()) {
        const [above, height] = places[i - 1] ?? [-1, 0];
        expect(y).toBeGreaterThan(above + height);
      }
    }
  }
});

/** The script contains the templates that the page is made of. */
function withoutScript(page: string): string {
  return page.replace(/<script>[^]*<\/script>/, "");
}

/** Who answers, where a function does; what a policy may do without. */
const OPTIONAL = new Set(["by", "externalCallers", "justifications", "until"]);

/** What is keyed by names of its own, and what is as it was decoded. */
const MAPS = /(versions|services|roles|callers|headers|\/header|claims|justifications|justifications\/[^/]+)$/;

type Node = Record<string, unknown>;

function everyObject(value: unknown, path = ""): [path: string, node: Node][] {
  if (typeof value !== "object" || value === null || /(header|claims)$/.test(path)) return [];
  const inner = Object.entries(value).flatMap(([name, member]) => everyObject(member, `${path}/${name}`));
  return Array.isArray(value) ? inner : [[path, value as Node], ...inner];
}

/** Runs with another content in the place of an object, and puts the old one back. */
function replaced(node: Node, by: Node, run: () => void): void {
  const before = { ...node };
  const put = (content: Node): void => {
    for (const name of Object.keys(node)) Reflect.deleteProperty(node, name);
    Object.assign(node, content);
  };
  put(by);
  try {
    run();
  } finally {
    put(before);
  }
}

function isDescribed(field: unknown, schema: AnySchemaObject): boolean {
  const { description, $ref } = field as { description?: string; $ref?: string };
  const definitions = schema["$defs"] as Record<string, { description?: string }>;
  return (description ?? definitions[$ref?.split("/").at(-1) ?? ""]?.description ?? "").length > 0;
}
