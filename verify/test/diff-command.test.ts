/** The command `npm run policy:diff`, as a process in a clone of its own. */
import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { apiNames, type Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { AS_CLONED, copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";

const policy: Policy = accessPolicy;
const [service = ""] = apiNames(policy);
const [role = ""] = Object.keys(policy.services[service]?.roles ?? {});
const contract = `${service}/contract.ts`;
const snapshot = "infra/snapshots/default.snapshot.json";
const GAINED = `gained: new-auditor may call from 192.0.2.0/28`;
const OPENED = /^opened: SCM site of \S+ for 192\.0\.2\.0\/28 \(default\)$/m;
const LABEL = /access-change-[0-9a-f]{32}\b/;

let copy: RepositoryCopy;
beforeAll(() => {
  copy = copyRepository("policy-diff-");
  execFileSync("bash", ["-c", AS_CLONED], { cwd: copy.folder });
});
afterAll(() => {
  copy.remove();
});
beforeEach(() => {
  git("reset", "--quiet", "--hard");
});

function run(...args: readonly string[]) {
  return runIn(copy.folder, ...args);
}

function runIn(folder: string, ...args: readonly string[]) {
  const main = join(folder, "verify", "diff", "main.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

function git(...args: readonly string[]): string {
  return execFileSync("git", ["-c", "user.name=test", "-c", "user.email=test@example.com", ...args], {
    cwd: copy.folder,
    encoding: "utf8",
  }).trim();
}

function edit(path: string, change: (text: string) => string): void {
  const file = join(copy.folder, path);
  const before = readFileSync(file, "utf8");
  const after = change(before);
  if (after === before) throw new Error(`${path} is as before: adapt this test.`);
  writeFileSync(file, after);
}

function editJson(path: string, change: (value: Record<string, Record<string, unknown>>) => void): void {
  edit(path, (text) => {
    const value = JSON.parse(text) as Record<string, Record<string, unknown>>;
    change(value);
    return JSON.stringify(value);
  });
}

/** An external caller more. */
function grant(): void {
  editJson("shared/access-policy.json", (policy) => {
    const client = {
      clientId: "99999999-9999-4999-8999-999999999991",
      objectId: "99999999-9999-4999-8999-999999999992",
    };
    policy["externalCallers"] = {
      ...policy["externalCallers"],
      "new-auditor": { ...client, addressRanges: ["192.0.2.0/28"] },
    };
    const { callers } = policy["services"]?.[service] as { callers: Record<string, readonly string[]> };
    callers["new-auditor"] = [role];
  });
}

/** An address range more, which reaches an SCM site. */
function openScm(): void {
  edit(snapshot, (text) =>
    text.replace(
      /"scmIpSecurityRestrictions": \[/,
      `$& { "name": "more", "action": "Allow", "priority": 90, "ipAddress": "192.0.2.0/28" },`,
    ),
  );
}

/** Commits what is changed, and goes back. */
function committed(change: () => void): string {
  change();
  git("commit", "--quiet", "--all", "--no-verify", "--message", "change");
  const id = git("rev-parse", "HEAD");
  git("reset", "--quiet", "--hard", "HEAD~1");
  return id;
}

describe("npm run policy:diff", () => {
  it("says that nothing is changed", () => {
    expect(run("HEAD")).toEqual({ status: 0, stdout: "unchanged\n", stderr: "" });
  });

  it("finds in the working tree who gains access, and what opens", () => {
    grant();
    openScm();
    const { status, stdout, stderr } = run("HEAD");
    expect({ status, stderr }).toEqual({ status: 1, stderr: "" });
    expect(stdout.split("\n")).toContain(GAINED);
    expect(stdout).toMatch(OPENED);
    expect(stdout).toContain(`gained: new-auditor may call `);
    expect(stdout).toMatch(/sets the label access-change-[0-9a-f]{32} on the pull request/);
  });

  it("compares two commits, in both directions", () => {
    const more = committed(grant);
    expect(run("HEAD", more)).toMatchObject({ status: 1, stdout: expect.stringContaining(GAINED) as string });
    const { status, stdout } = run(more, "HEAD");
    expect(status).toBe(0);
    expect(stdout).toContain(GAINED.replace("gained", "lost"));
    expect(stdout).toContain("Nobody gains access, and nothing opens.");
    expect(stdout).not.toMatch(LABEL);
  });

  it("accepts the label of just these changes", () => {
    const [first, second] = [committed(grant), committed(openScm)];
    const [label = "", other = ""] = [first, second].map((id) => LABEL.exec(run("HEAD", id).stdout)?.[0]);
    expect(label).not.toBe(other);
    for (const labels of [JSON.stringify([label]), JSON.stringify(["bug", label])]) {
      const { status, stdout } = run("HEAD", first, "--acknowledged", labels);
      expect({ labels, status }).toEqual({ labels, status: 0 });
      expect(stdout).toContain(`Acknowledged by the label ${label}.`);
    }
    for (const one of ["bug", other, label.slice(0, -1), `${label}0`, "access-change"]) {
      const labels = JSON.stringify([one]);
      expect({ labels, status: run("HEAD", first, "--acknowledged", labels).status }).toEqual({ labels, status: 1 });
    }
  });

  it("prints Markdown whose code block no text of a commit can end", () => {
    const id = committed(() => {
      edit(contract, (text) => text.replace(/route: "\/api/, 'route: "/````\\n## Approved\\u001b[2J'));
    });
    const { status, stdout } = run("HEAD", id, "--markdown");
    expect(status).toBe(1);
    expect(stdout).toContain("\n`````text\n");
    expect(stdout).toContain("/````\\u{a}## Approved\\u{1b}[2J");
    expect(stdout).not.toMatch(/^## Approved/m);
    expect(stdout).toMatch(LABEL);
  });

  it("prints JSON", () => {
    openScm();
    const { status, stdout } = run("HEAD", "--json");
    const { findings, ...others } = JSON.parse(stdout) as { findings: { line: string; opens: boolean }[] };
    expect(status).toBe(1);
    expect(others).toMatchObject({ after: "the working tree", unchanged: false, opens: true, acknowledged: false });
    expect(findings).toMatchObject([{ word: "opened", kind: "SCM site", opens: true }]);
    expect(findings[0]?.line).toMatch(OPENED);
  });

  it.each([
    [
      "a setting that no rule knows",
      snapshot,
      (text: string) => text.replace(/"appSettings": \[/, `$& { "name": "NEW", "value": "1" },`),
    ],
    ["a property that no rule knows", snapshot, (text: string) => text.replace(/"httpsOnly":/, `"unheardOf": 1, $&`)],
    [
      "the parameters of an evaluated template",
      "infra/snapshots/default.bicepparam",
      (text: string) => `${text}// a\n`,
    ],
    ["the parameters of the deployment", "infra/main.bicepparam", (text: string) => `${text}\n// changed\n`],
  ])("does not take %s for unchanged", (_what, path, change) => {
    edit(path, change);
    const { status, stdout } = run("HEAD");
    expect(status).toBe(1);
    expect(stdout).toMatch(/^changed, not understood: /);
  });

  it("does not take parameters of an evaluated template that are gone for unchanged, in commits either", () => {
    const path = "infra/snapshots/default.bicepparam";
    const id = committed(() => {
      rmSync(join(copy.folder, path));
    });
    expect(run("HEAD", id).stdout).toMatch(
      /^changed, not understood: infra\/snapshots\/default\.bicepparam: .* → nothing$/m,
    );
  });

  it("does not take an evaluated template that is gone for unchanged", () => {
    rmSync(join(copy.folder, snapshot));
    expect(run("HEAD")).toMatchObject({
      status: 1,
      stdout: expect.stringMatching(/^changed, not understood: the evaluated template is gone \(default\)$/m) as string,
    });
  });

  it("shows no value that is perhaps a secret", () => {
    edit(snapshot, (text) => text.replace(/"appSettings": \[/, `$& { "name": "API_KEY", "value": "hunter2" },`));
    const { status, stdout } = run("HEAD");
    expect(status).toBe(1);
    expect(stdout).toContain("API_KEY");
    expect(stdout).not.toContain("hunter2");
  });
});

describe("npm run policy:diff cannot compare", () => {
  const fails = (folder: string, args: readonly string[], message: RegExp | string): void => {
    const { status, stdout, stderr } = runIn(folder, ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  };

  it.each([
    ["no commit", [], /Give one commit, or two/],
    ["three commits", ["HEAD", "HEAD", "HEAD"], /Give one commit, or two/],
    ["two forms of output", ["HEAD", "--json", "--markdown"], /--markdown or --json/],
    ["labels that are no texts", ["HEAD", "--acknowledged", "[1]"], /JSON list of labels/],
    ["labels that are no JSON", ["HEAD", "--acknowledged", "a,b"], /JSON list of labels/],
    ["an unknown commit", ["no-such-branch"], /"no-such-branch" names no commit of this clone/],
    ["a file in place of a commit", ["HEAD:package.json"], /names no commit of this clone/],
  ])("%s", (_what, args, message) => {
    fails(copy.folder, args, message);
  });

  it.each([
    [
      "an access policy of another form",
      "shared/access-policy.json",
      (text: string) => text.replaceAll('"callers"', '"allowed"'),
      /does not accept its files: shared\/access-policy\.json/,
    ],
    [
      "a contract that is no literal",
      contract,
      (text: string) => text.replace(/access: "(\w+)"/, 'access: ("$1" + "")'),
      /contract\.ts:\d+: Write "access" as a text here/,
    ],
    [
      "an evaluated template that is no JSON",
      snapshot,
      (text: string) => text.slice(0, -10),
      /default\.snapshot\.json: /,
    ],
    [
      "an evaluated template of another form",
      snapshot,
      (text: string) => text.replace('"predictedResources"', '"resources"'),
      /default\.snapshot\.json: /,
    ],
  ])("a commit with %s", (_what, path, change, message) => {
    const id = committed(() => {
      edit(path, change);
    });
    fails(copy.folder, [id, "HEAD"], message);
    fails(copy.folder, ["HEAD", id], message);
  });

  it("a commit whose text looks like a command of the workflow", () => {
    const id = committed(() => {
      editJson("shared/access-policy.json", (policy) => {
        policy["services"] = { ...policy["services"], "a\n::error::forged": {} };
      });
    });
    fails(copy.folder, [id, "HEAD"], /does not accept its files/);
    expect(run(id, "HEAD").stderr).toContain("\\u{a}::error::forged");
  });

  it("a commit that a shallow clone lacks", () => {
    const older = git("rev-parse", "HEAD");
    git("commit", "--quiet", "--allow-empty", "--message", "newer");
    const clone = `${copy.folder}-shallow`;
    git("clone", "--quiet", "--depth", "1", `file://${copy.folder}`, clone);
    symlinkSync(join(copy.folder, "node_modules"), join(clone, "node_modules"), "junction");
    try {
      fails(clone, [older], /git fetch --unshallow/);
    } finally {
      rmSync(clone, { recursive: true });
    }
  });

  it("a folder that is no clone", () => {
    renameSync(join(copy.folder, ".git"), join(copy.folder, "not-git"));
    try {
      fails(copy.folder, ["HEAD"], /This folder is no git clone/);
    } finally {
      renameSync(join(copy.folder, "not-git"), join(copy.folder, ".git"));
    }
  });
});
