/**
 * Keeps one issue about the nightly verification, by the GitHub CLI: `.github/workflows/nightly.yml`. Uses no npm package, because the
 * job that may write issues installs none. The issue contains only ids of the report, because a repository can be public.
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { command, UsageError } from "../tools/command-line.ts";
import { environmentFor } from "../tools/environment.mjs";

const LABEL = "proof-differs";
const TITLE = "Nightly verification of the deployment";

const USAGE = `Usage: node verify/nightly-issue.ts --code <exit code> --report <report.json> --run <address>

Opens or updates the issue with the label ${LABEL} after a nightly verification, or closes it if nothing differs any more.
Uses gh, with the token in GH_TOKEN and the repository in GH_REPO.

  --code <exit code>      of the verification; empty if it did not run to its end
  --report <report.json>  its report, which need not exist
  --run <address>         the run of the workflow, for a link
  --help                  show this text

Exit code 0: done. 1: gh failed; its message says why. 2: wrong arguments, nothing was done.`;

const DID_NOT_END = "**The verification did not run to its end.** Whether the deployment differs is not known.";

/** Ids in the issue. The report has all. */
const MAX_IDS = 100;

interface Issue {
  readonly number: number;
  readonly title: string;
  readonly body: string;
}

const options = {
  code: { type: "string", default: "" },
  report: { type: "string", default: "" },
  run: { type: "string", default: "" },
} as const;

await command(USAGE, { options, needsPolicy: false }, ({ values: { code, report, run } }) => {
  if (!/^https:\/\/\S+$/.test(run))
    throw new UsageError("--run must be the address of the run. --help shows the usage.");
  const results = readReport(report);
  const text = textOf(code, results);
  const open = openIssue();
  const link =
    results === undefined
      ? `The log of [the run](${run}) says why.`
      : `[The run](${run}) has the report: the found and the expected values, and the commands that fix them.`;
  if (text === null) {
    if (open === undefined) {
      console.log("Nothing differs, and no issue is open.");
      return;
    }
    gh("issue", "close", String(open.number), "--comment", `Nothing differs any more: ${run}`);
    console.log(`Nothing differs any more: closed issue ${open.number}.`);
    return;
  }
  const body = `${text}\n\n---\n\n${link}`;
  if (open === undefined) {
    gh("label", "create", LABEL, "--force", "--color", "B60205", "--description", "A verification of the deployment");
    gh("issue", "create", "--title", TITLE, "--label", LABEL, "--body", body);
    console.log("Opened an issue.");
    return;
  }
  gh("issue", "edit", String(open.number), "--body", body);
  // An edit notifies nobody: a comment does, if the result is another one than in the night before.
  const isSame = open.body.replaceAll("\r\n", "\n").startsWith(`${text}\n\n---`);
  if (!isSame) gh("issue", "comment", String(open.number), "--body", body);
  console.log(`Updated issue ${open.number}${isSame ? ", whose result is the same" : ""}.`);
});

/** What the issue says; null if the verification found that nothing differs. Anything that is not understood is not good. */
function textOf(code: string, report: Results | undefined): string | null {
  if (report === undefined && code !== "2") return `${DID_NOT_END} There is no report that could be read.`;
  const { differing = [], unread = [] } = report ?? {};
  if (code === "1" || differing.length > 0) {
    return `**Exit code 1: the deployment differs from the access policy or the templates.** These differ:\n\n${listOf(differing)}`;
  }
  if (code === "0" && unread.length === 0) return null;
  if (code === "0" || code === "3") {
    return (
      "**Exit code 3: nothing that was read differs, but not everything could be read.** " +
      `The report names each missing permission. Not read, or no call was possible:\n\n${listOf(unread)}`
    );
  }
  if (code === "2") {
    return (
      "**Exit code 2: nothing could be verified.** The log of the run says why: for example, nobody could sign in, or the " +
      "variable AZD_VALUES of the GitHub environment is not from a deployment of this access policy."
    );
  }
  return DID_NOT_END;
}

interface Results {
  /** Ids of calls and settings. */
  readonly differing: readonly string[];
  /** Ids of settings that could not be read, without those that `--read-only` leaves out. */
  readonly unread: readonly string[];
}

/** Undefined if there is no report, or none of the form in verify/model/report.schema.json. */
function readReport(file: string): Results | undefined {
  try {
    const { checks, cells } = JSON.parse(readFileSync(file, "utf8")) as Readonly<Record<string, unknown>>;
    const results = [...entries(checks), ...entries(cells)];
    if (results.length === 0) return undefined;
    return {
      differing: idsOf(results.filter(({ result }) => result === "finding" || result === "different")),
      unread: idsOf(entries(checks).filter(({ result, leftOut }) => result === "not-checked" && leftOut !== true)),
    };
  } catch {
    return undefined;
  }
}

type Entry = Readonly<Record<string, unknown>>;

/** @throws TypeError if it is no list of objects */
function entries(list: unknown): readonly Entry[] {
  if (Array.isArray(list) && list.every((item) => typeof item === "object" && item !== null)) return list as Entry[];
  throw new TypeError();
}

/** An id of another form than those of the report could contain an address. */
function idsOf(results: readonly Entry[]): string[] {
  return results.map(({ id }) =>
    typeof id === "string" && /^[\w./ -]+$/.test(id) ? id : "an id that is not shown here",
  );
}

function listOf(ids: readonly string[]): string {
  const shown = ids.slice(0, MAX_IDS).map((id) => `- \`${id}\``);
  const more = ids.length > MAX_IDS ? [`- and ${ids.length - MAX_IDS} more`] : [];
  return [...shown, ...more].join("\n") || "- see the report";
}

function openIssue(): Issue | undefined {
  const list = ["issue", "list", "--label", LABEL, "--state", "open", "--limit", "100"];
  const issues = JSON.parse(gh(...list, "--json", "number,title,body")) as readonly Issue[];
  return issues.find(({ title }) => title === TITLE);
}

/** @throws Error if gh is missing or fails; gh prints why */
function gh(...args: readonly string[]): string {
  const { GH_TOKEN = "", GH_REPO = "" } = process.env;
  const { error, status, stdout } = spawnSync("gh", args, {
    encoding: "utf8",
    env: { ...environmentFor("terminal", "internet"), GH_TOKEN, GH_REPO },
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (error !== undefined) throw new Error(`gh cannot be run (${error.message}): https://cli.github.com`);
  if (status !== 0) throw new Error(`gh ${args.slice(0, 2).join(" ")} failed: see its message above.`);
  return stdout;
}
