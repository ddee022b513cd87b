/** The issue about the nightly verification, with a stand-in for gh. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const script = join(import.meta.dirname, "..", "nightly-issue.ts");
const RUN = "https://github.com/owner/repository/actions/runs/1";
const TITLE = "Nightly verification of the deployment";

describe.skipIf(process.platform === "win32")("the issue about the nightly verification", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nightly-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  interface Night {
    /** The exit code of the verification. */
    readonly code?: string;
    /** The content of report.json; undefined for none. */
    readonly report?: unknown;
    readonly issues?: readonly object[];
    /** The command of gh that fails. */
    readonly fails?: string;
    readonly args?: readonly string[];
  }

  /** Runs the script, with a gh that notes its arguments, and answers as gh does. */
  function run({ code = "1", report, issues = [], fails = "-", args }: Night) {
    const calls = join(folder, "calls");
    rmSync(calls, { force: true });
    writeFileSync(
      join(folder, "gh"),
      `#!${process.execPath}
      const args = process.argv.slice(2);
      const { GH_TOKEN, GH_REPO } = process.env;
      require("node:fs").appendFileSync(${JSON.stringify(calls)}, JSON.stringify({ args, GH_TOKEN, GH_REPO }) + "\\n");
      if (args.slice(0, 2).join(" ") === ${JSON.stringify(fails)}) { console.error("HTTP 403"); process.exit(1); }
      if (args[1] === "list") console.log(${JSON.stringify(JSON.stringify(issues))});`,
      { mode: 0o755 },
    );
    const file = join(folder, "report.json");
    rmSync(file, { force: true });
    if (report !== undefined) writeFileSync(file, typeof report === "string" ? report : JSON.stringify(report));
    const given = args ?? ["--code", code, "--report", file, "--run", RUN];
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...given], {
      encoding: "utf8",
      env: {
        ...process.env,
        PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}`,
        GH_TOKEN: "t",
        GH_REPO: "owner/repository",
      },
    });
    const lines = existsSync(calls) ? readFileSync(calls, "utf8").trim().split("\n") : [];
    const made = lines.map(
      (line) => JSON.parse(line) as { readonly args: string[]; readonly GH_TOKEN?: string; readonly GH_REPO?: string },
    );
    const called = (...words: string[]) => made.find((one) => words.every((word, i) => one.args[i] === word));
    const bodyOf = (...words: string[]): string | undefined => {
      const found = called(...words)?.args;
      return found?.[found.indexOf("--body") + 1];
    };
    return {
      status,
      stdout,
      stderr,
      made,
      called,
      bodyOf,
      verbs: made.map((one) => `${one.args[0] ?? ""} ${one.args[1] ?? ""}`),
    };
  }

  const check = (id: string, result: string, more: object = {}) => ({
    ...{ id, result, found: "203.0.113.7", resource: "/subscriptions/1/resourceGroups/rg-secret" },
    ...more,
  });
  const good = {
    checks: [check("sites/a/tls", "as-expected"), check("sites/a/settings-changed", "not-checked", { leftOut: true })],
    cells: [],
  };
  const differing = { checks: [check("sites/a/tls", "finding")], cells: [check("both/b/here/no-token", "different")] };
  const unread = { checks: [check("sites/a/tls", "not-checked"), ...good.checks], cells: [] };
  const open = (body = "") => [{ number: 7, title: TITLE, body }];

  it("is opened once, with a label, and has the ids alone: no address and no resource", () => {
    const { status, verbs, called, bodyOf, made } = run({ report: differing });
    expect({ status, verbs }).toEqual({ status: 0, verbs: ["issue list", "label create", "issue create"] });
    expect(called("issue", "create")?.args).toEqual(
      expect.arrayContaining(["--title", TITLE, "--label", "proof-differs"]),
    );
    const body = bodyOf("issue", "create") ?? "";
    expect(body).toContain("**Exit code 1: the deployment differs");
    expect(body).toContain("- `sites/a/tls`\n- `both/b/here/no-token`\n");
    expect(body).toContain(RUN);
    expect(body).not.toMatch(/203\.0\.113|rg-secret|subscriptions/);
    for (const { GH_TOKEN, GH_REPO } of made)
      expect({ GH_TOKEN, GH_REPO }).toEqual({ GH_TOKEN: "t", GH_REPO: "owner/repository" });
  });

  it("is updated: with a comment if the result is another one, and without if it is the same", () => {
    const body = run({ report: differing }).bodyOf("issue", "create") ?? "";
    expect(run({ report: differing, issues: open(body.replaceAll("\n", "\r\n")) }).verbs).toEqual([
      "issue list",
      "issue edit",
    ]);
    const other = run({ code: "3", report: unread, issues: open(body) });
    expect(other.verbs).toEqual(["issue list", "issue edit", "issue comment"]);
    expect(other.called("issue", "edit", "7")).toBeDefined();
  });

  it("is closed with a comment when nothing differs, and not opened", () => {
    const { verbs, called } = run({ code: "0", report: good, issues: open() });
    expect(verbs).toEqual(["issue list", "issue close"]);
    expect(called("issue", "close", "7", "--comment")?.args.at(-1)).toBe(`Nothing differs any more: ${RUN}`);
    expect(run({ code: "0", report: good }).verbs).toEqual(["issue list"]);
  });

  it("leaves other issues with the label alone", () => {
    const others = [{ number: 3, title: "Another one", body: "" }];
    expect(run({ code: "0", report: good, issues: others }).verbs).toEqual(["issue list"]);
    expect(run({ report: differing, issues: others }).verbs).toContain("issue create");
  });

  it.each([
    ["2", undefined, /^\*\*Exit code 2: nothing could be verified/],
    ["3", unread, /^\*\*Exit code 3: nothing that was read differs(.|\n)*\n- `sites\/a\/tls`\n\n/],
    ["", undefined, /^\*\*The verification did not run to its end/],
    ["", good, /^\*\*The verification did not run to its end/],
    ["130", good, /^\*\*The verification did not run to its end/],
  ])("says its own of exit code %j", (code, report, text) => {
    const body = run({ code, report }).bodyOf("issue", "create");
    expect(body).toMatch(text);
    expect(body?.includes("has the report"), "the link").toBe(report !== undefined);
  });

  it.each([
    ["without a report", undefined],
    ["with a report that is no JSON", "nonsense"],
    ["with a report of another form", { checks: [1], cells: [] }],
    ["with an empty report", { checks: [], cells: [] }],
    ["although a setting differs", differing],
    ["although a setting could not be read", unread],
  ])("is not closed by an exit code 0 %s", (_how, report) => {
    const { verbs } = run({ code: "0", report, issues: open() });
    expect(verbs).toContain("issue edit");
    expect(verbs).not.toContain("issue close");
  });

  it("shows no id of another form, and no more than a hundred", () => {
    const ids = [
      "sites/a/tls",
      "x`](https://example.com)",
      "",
      ...Array.from({ length: 120 }, (_, i) => `storage/a/${i}`),
    ];
    const body =
      run({ report: { checks: ids.map((id) => check(id, "finding")), cells: [] } }).bodyOf("issue", "create") ?? "";
    expect(body).toContain("- `an id that is not shown here`");
    expect(body).not.toContain("example.com");
    expect(body).toContain("- and 23 more");
  });

  it("fails if gh fails, and says so", () => {
    const { status, stderr } = run({ report: differing, fails: "issue create" });
    expect(status).toBe(1);
    expect(stderr).toContain("HTTP 403\ngh issue create failed");
  });

  it("prints its usage, and calls nothing with wrong arguments", () => {
    expect(run({ args: ["--help"] })).toMatchObject({
      status: 0,
      stdout: expect.stringContaining("Usage: ") as string,
    });
    expect(run({ args: ["--code", "1"] })).toMatchObject({ status: 2, verbs: [] });
  });

  it("uses no npm package: the job that may write issues installs none", () => {
    const files = [script, "command-line.ts", "environment.mjs"].map((file) =>
      file === script ? file : join(script, "..", "..", "tools", file),
    );
    for (const file of files) {
      const imports = [...readFileSync(file, "utf8").matchAll(/^import .* from "([^"]+)"/gm)].map(
        ([, from = ""]) => from,
      );
      for (const from of imports) expect(from).toMatch(/^(node:|\.\.?\/)/);
    }
  });
});
