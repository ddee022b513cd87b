import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Ajv, type AnySchemaObject } from "ajv";
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { parse } from "yaml";
import { TIMEOUT_MS } from "../scm-access/index.ts";

const root = join(import.meta.dirname, "..", "..");
const textOf = (path: string): string => readFileSync(join(root, path), "utf8");
const schemaFile = join(root, "..", "shared", "data", "schemas", "github-workflow.schema.json");

interface Step {
  readonly id?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly "timeout-minutes"?: number;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
}

interface Job {
  readonly name?: string;
  readonly if?: string;
  readonly uses?: string;
  readonly needs?: string | readonly string[];
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, unknown>>;
  readonly outputs?: Readonly<Record<string, string>>;
  readonly environment?: string;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: Readonly<Record<string, unknown>>;
  readonly "timeout-minutes"?: number;
  readonly steps?: readonly Step[];
}

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, Job>>;
}

const files = globSync(".github/workflows/*.yml", { cwd: root });
const workflows = files.map((file) => ({
  file: basename(file),
  text: textOf(file),
  ...(parse(textOf(file)) as Workflow),
}));
const jobs = workflows.flatMap(({ file, jobs }) =>
  Object.entries(jobs).map(([name, job]) => ({ where: `${file}, job ${name}`, ...job })),
);
const steps = jobs.flatMap(({ where, steps = [] }) => steps.map((step) => ({ where, ...step })));

describe("the workflows", () => {
  it("are all there", () => {
    expect(workflows.map(({ file }) => file).sort()).toEqual([
      "access-change.yml",
      "build.yml",
      "ci.yml",
      "codeql.yml",
      "deploy-environment.yml",
      "deploy.yml",
      "nightly.yml",
      "release-package.yml",
    ]);
  });

  it.skipIf(!existsSync(schemaFile))(
    "are what GitHub's published schema allows",
    { tags: "needs-published-files" },
    () => {
      const ajv = new Ajv({ strict: false, validateFormats: false });
      const validate = ajv.compile(JSON.parse(readFileSync(schemaFile, "utf8")) as AnySchemaObject);
      for (const file of files) {
        expect([file, validate(parse(textOf(file))), validate.errors]).toEqual([file, true, null]);
      }
      expect(validate({ on: "push", jobs: { one: { steps: [] } } })).toBe(false);
    },
  );

  it("use only actions that are pinned by commit, with the version beside it", () => {
    const lines = workflows.flatMap(({ text }) => text.split("\n").filter((line) => /\buses:/.test(line)));
    const foreign = lines.filter((line) => !line.includes("uses: ./"));
    expect(foreign.length).toBeGreaterThan(10);
    for (const line of foreign) expect(line).toMatch(/uses: [\w-]+(\/[\w-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    // One version of each, so that an update cannot miss one.
    const versions = new Set(foreign.map((line) => line.trim().replace(/^- /, "")));
    expect(versions.size).toBe(new Set([...versions].map((version) => version.split("@")[0])).size);
    for (const line of lines.filter((line) => !foreign.includes(line))) {
      expect(existsSync(join(root, line.split("uses: ")[1] ?? ""))).toBe(true);
    }
  });

  it("may read the code, and write only what is listed here", () => {
    for (const { permissions } of workflows) expect(permissions).toEqual({ contents: "read" });
    const writing = jobs.flatMap(({ where, permissions = {} }) =>
      Object.entries(permissions).flatMap(([name, access]) => (access === "write" ? [`${where}: ${name}`] : [])),
    );
    expect(writing.sort()).toEqual([
      "codeql.yml, job analyze: security-events",
      "deploy-environment.yml, job attest: attestations",
      "deploy-environment.yml, job attest: id-token",
      "deploy-environment.yml, job close: id-token",
      "deploy-environment.yml, job deploy: id-token",
      "deploy.yml, job dev: attestations",
      "deploy.yml, job dev: id-token",
      "deploy.yml, job production: attestations",
      "deploy.yml, job production: id-token",
      "nightly.yml, job issue: issues",
      "nightly.yml, job verify: id-token",
      "release-package.yml, job publish: id-token",
    ]);
  });

  it("never run a pull request's code with the repository's rights", () => {
    const safe = ["pull_request", "push", "schedule", "workflow_call", "workflow_dispatch"];
    for (const workflow of workflows) expect(safe).toEqual(expect.arrayContaining(Object.keys(workflow.on)));
  });

  it("put no expression into a script, where its value would become code", () => {
    for (const { where, run = "" } of steps) expect(run, where).not.toContain("${{");
  });

  it("need no secret, and leave no token in the checkout", () => {
    for (const { text } of workflows) expect(text).not.toMatch(/secrets\.|GITHUB_TOKEN|inherit/);
    // GitHub's own token is for gh, in jobs that cannot sign in to Azure.
    for (const job of jobs.filter((one) => JSON.stringify(one).includes("github.token"))) {
      expect(job.where).toMatch(/^nightly\.yml, job (commit|issue)$/);
      expect(job.permissions).not.toHaveProperty("id-token");
    }
    const checkouts = steps.filter(({ uses = "" }) => uses.startsWith("actions/checkout@"));
    expect(checkouts.length).toBeGreaterThan(3);
    for (const checkout of checkouts)
      expect(checkout.with, checkout.where).toMatchObject({ "persist-credentials": false });
  });

  it("call only scripts that exist", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { readonly scripts: Readonly<Record<string, string>> };
    const called = steps.flatMap(({ run = "" }) => npmScriptsIn(run));
    expect(called.length).toBeGreaterThan(8);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(called));
    const files = steps.flatMap(({ run = "" }) => [...run.matchAll(/\bnode (?:tools\/run\.mjs )?(\S+\.ts)/g)]);
    expect(files.length).toBeGreaterThan(3);
    for (const [, file = ""] of files) expect(existsSync(join(root, file)), file).toBe(true);
  });

  it("end some day", () => {
    for (const job of jobs.filter(({ uses }) => uses === undefined)) {
      expect(job["timeout-minutes"], job.where).toBeGreaterThan(0);
    }
  });
});

describe("CI", () => {
  const runs = ["check", "first-run"].flatMap((job) =>
    (jobCalled("ci.yml", job).steps ?? []).flatMap(({ run = "" }) => npmScriptsIn(run)),
  );

  it("runs all that .ci/run runs", () => {
    const script = textOf(".ci/run").replaceAll(/^#.*$/gm, "");
    expect(npmScriptsIn(script).length).toBeGreaterThan(4);
    expect(runs).toEqual(expect.arrayContaining(npmScriptsIn(script)));
  });

  it("keeps the report of verify, above all when it failed", () => {
    const [upload] = (jobCalled("ci.yml", "check").steps ?? []).slice(-1);
    expect(runs).toContain("verify");
    expect(upload?.if).toBe("${{ !cancelled() }}");
    expect(upload?.with).toMatchObject({ "include-hidden-files": true });
    expect(upload?.with?.["path"]).toContain(".local/verify/report.html");
  });
});

describe("the check of access changes", () => {
  const { steps = [] } = jobCalled("access-change.yml", "compare");
  const [useTool, compare] = ["git checkout", "policy:diff"].map((text) =>
    steps.find(({ run = "" }) => run.includes(text)),
  );

  it("runs again when a label is set or removed", () => {
    const { on } = workflows.find(({ file }) => file === "access-change.yml") ?? { on: {} };
    expect(on).toEqual({ pull_request: { types: ["opened", "synchronize", "reopened", "labeled", "unlabeled"] } });
  });

  it("installs and runs nothing before the target branch is checked out", () => {
    const uses = steps.map(({ uses = "", run = "" }) => uses.split("@")[0] ?? run);
    expect(uses[0]).toBe("actions/checkout");
    expect(steps[1]).toBe(useTool);
    expect(steps.filter(({ run = "" }) => /\b(npm|node)\b/.test(run))).toEqual([{ run: "npm ci" }, compare]);
  });

  it.skipIf(process.platform === "win32")("compares the merge with its first parent", () => {
    const folder = mkdtempSync(join(tmpdir(), "access-change-"));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const bash = (script: string, env: Readonly<Record<string, string>> = {}) =>
      spawnSync("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", script], {
        cwd: folder,
        encoding: "utf8",
        env: { PATH: `${folder}:${process.env["PATH"] ?? ""}`, HOME: folder, ...env },
      });
    const made = bash(`
      git init --quiet --initial-branch main
      git config user.name test; git config user.email test@example.com
      git commit --quiet --allow-empty -m first; git checkout --quiet -b topic
      git commit --quiet --allow-empty -m topic; git checkout --quiet main
      git commit --quiet --allow-empty -m target; git merge --quiet --no-ff -m merge topic
      git rev-parse HEAD`);
    expect(made.stderr).toBe("");
    const merge = made.stdout.trim();
    const environment = join(folder, "environment");
    bash(useTool?.run ?? "", { GITHUB_ENV: environment });
    expect(readFileSync(environment, "utf8")).toBe(`MERGE=${merge}\n`);
    expect(bash("git log -1 --format=%s").stdout).toBe("target\n");

    writeFileSync(join(folder, "npm"), '#!/bin/sh\nprintf "%s\\n" "$@"\nexit 1\n', { mode: 0o755 });
    const summary = join(folder, "summary");
    const labels = '["a\\"; exit 0; \\"", "$(exit 0)"]';
    const { status } = bash(compare?.run ?? "", { MERGE: merge, LABELS: labels, GITHUB_STEP_SUMMARY: summary });
    expect(status).toBe(1);
    expect(readFileSync(summary, "utf8").split("\n")).toEqual([
      ...["run", "-s", "policy:diff", "--", "HEAD", merge, "--markdown", "--acknowledged", labels, ""],
    ]);
  });
});

describe("deployment", () => {
  const deploy = jobCalled("deploy-environment.yml", "deploy");
  const close = jobCalled("deploy-environment.yml", "close");

  const withRights = jobs.filter(
    ({ where, permissions = {}, steps }) =>
      /^(deploy-environment|nightly)\.yml/.test(where) &&
      "id-token" in permissions &&
      !("attestations" in permissions) &&
      steps !== undefined,
  );

  it("installs nothing and builds nothing in a job that may sign in to Azure", () => {
    expect(withRights).toHaveLength(3);
    for (const { where, env, steps = [] } of withRights) {
      expect(env, where).toMatchObject({ PREBUILT: 1 });
      const actions = steps.flatMap(({ uses }) => uses?.split("@")[0] ?? []);
      expect(["actions/download-artifact", "actions/upload-artifact"], where).toEqual(expect.arrayContaining(actions));
      for (const { run = "" } of steps) {
        expect(run, where).not.toMatch(
          /\b(npm|npx|yarn|pnpm|pip|apt|apt-get|dotnet|curl|wget|install|build|azd up|azd package)\b/,
        );
        // Without its package, azd would package the service anew, by its hook, which builds.
        for (const command of run.match(/\bazd deploy.*/g) ?? []) expect(command, where).toContain("--from-package");
      }
    }
  });

  it("deploys to every environment what one job without any right has built", () => {
    const building = jobs.filter(({ steps = [] }) => steps.some(({ run = "" }) => /npm run build$/m.test(run)));
    expect(building.map(({ where, permissions }) => [where, permissions])).toEqual([
      ["build.yml, job build", undefined],
    ]);
    const build = jobCalled("build.yml", "build");
    expect(build.outputs).toEqual({ artifact: "${{ steps.upload.outputs.artifact-id }}" });
    for (const name of ["dev", "production"]) {
      const { needs, with: inputs } = jobCalled("deploy.yml", name);
      expect(needs).toContain("build");
      expect(inputs).toEqual({ environment: name, artifact: "${{ needs.build.outputs.artifact }}" });
    }
    expect(jobCalled("deploy.yml", "dev").needs).toContain("checks");
    for (const { where, steps = [] } of withRights) {
      const [first] = steps;
      expect(first?.with?.["artifact-ids"], where).toMatch(/^\$\{\{ (inputs|needs\.build\.outputs)\.artifact \}\}$/);
      expect(steps[1]?.run).toContain("tar --extract");
    }
  });

  it("brings in the artifact all that the other job uses: packages, modules, azd and the compiler that is checked with", () => {
    const scripts = (jobCalled("build.yml", "build").steps ?? []).map(({ run = "" }) => run).join("\n");
    for (const line of [
      "npm ci",
      "npm run build",
      'cp --dereference "$(command -v azd)" .local/tools/azd',
      'cp "$(node infra/bicep.ts)" .local/tools/bicep',
      ".local/tools/bicep restore infra/main.bicep",
    ]) {
      expect(scripts).toContain(line);
    }
    const unpack = deploy.steps?.[1]?.run ?? "";
    expect(unpack).toContain("AZD_BICEP_TOOL_PATH=$PWD/.local/tools/bicep");
    expect(unpack).toContain('"$PWD/.local/tools" "$PWD/node_modules/node/bin"');
  });

  it("lets the runner in after provisioning, and out again before the proof", () => {
    const marks = [
      "azd provision --no-prompt --no-state",
      "infra/scm-access/main.ts open",
      "azd deploy",
      "infra/scm-access/main.ts close",
      "verify/main.ts --deployed",
    ];
    const places = marks.map((mark) => (deploy.steps ?? []).findIndex(({ run = "" }) => run.includes(mark)));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });

  it("gives each command the time that it takes by itself, however many services there are", () => {
    const steps = deploy.steps ?? [];
    const minutes = (mark: string): number =>
      steps.find(({ run = "" }) => run.includes(mark))?.["timeout-minutes"] ?? 0;
    for (const mark of ["azd provision", "verify/main.ts --deployed"]) expect(minutes(mark)).toBeGreaterThan(0);
    for (const mark of ["infra/scm-access/main.ts open", "infra/scm-access/main.ts close"]) {
      // The last look may take a minute more.
      expect(minutes(mark)).toBeGreaterThan(TIMEOUT_MS / 60_000 + 1);
    }
    // azd's defaultDeployTimeoutSeconds for each service: cli/azd/internal/cmd/deploy.go of azd 1.31.2.
    const commands = steps.flatMap(({ run = "" }) => run.match(/^.*azd deploy.*$/gm) ?? []);
    expect(commands).toHaveLength(1);
    expect(Number(/\btimeout (\d+)m azd deploy /.exec(commands[0] ?? "")?.[1])).toBeGreaterThan(20);
    expect(minutes("azd deploy")).toBe(0);
    // https://docs.github.com/actions/reference/actions-limits
    expect(deploy["timeout-minutes"]).toBe(360);
  });

  it("lets the runner out whatever happened after it was let in", () => {
    expect((deploy.steps ?? []).find(({ id }) => id === "close")?.if).toBe(
      "${{ always() && steps.open.outcome != 'skipped' }}",
    );
  });

  it("lets the runner out by another one, where it could not", () => {
    expect(close.if).toBe("${{ always() && needs.deploy.outputs.closed != 'true' }}");
    expect(close.steps?.at(-1)?.run).toContain("infra/scm-access/main.ts close");
  });

  it("signs the report in a job that Azure does not trust: no environment, and none of its variables", () => {
    const attest = jobCalled("deploy-environment.yml", "attest");
    expect(attest).not.toHaveProperty("environment");
    expect(JSON.stringify(attest)).not.toContain("AZURE_");
    expect(attest.steps?.at(-1)?.with?.["subject-path"]).toBe("report/report.html\nreport/report.json\ndist/*.zip\n");
  });

  it("gets a token of an environment only, whose reviewers come first", () => {
    const attest = "deploy-environment.yml, job attest";
    for (const job of jobs.filter(({ where, permissions = {} }) => "id-token" in permissions && where !== attest)) {
      expect(job.environment ?? job.uses, job.where).toMatch(
        /^(npm|nightly|\$\{\{ inputs\.environment \}\}|\.\/\.github\/workflows\/deploy-environment\.yml)$/,
      );
    }
  });

  it("changes an environment one run at a time, and stops none half-way", () => {
    for (const name of ["dev", "production"]) {
      expect(jobCalled("deploy.yml", name).concurrency).toEqual({ group: `deploy-${name}` });
    }
  });
});

describe("the nightly verification", () => {
  const job = (name: string): Job => jobCalled("nightly.yml", name);
  const scriptOf = (name: string, id: string): string => job(name).steps?.find((step) => step.id === id)?.run ?? "";

  it("runs at an odd minute, and does nothing without the repository's variable of the tenant", () => {
    const { on } = workflows.find(({ file }) => file === "nightly.yml") ?? {};
    expect(on).toEqual({
      schedule: [{ cron: expect.stringMatching(/^[1-9]\d? \d+ \* \* \*$/) as string }],
      workflow_dispatch: null,
    });
    expect(job("commit").if).toBe("${{ vars.AZURE_TENANT_ID != '' }}");
    expect([job("build").needs, job("verify").needs]).toEqual(["commit", "build"]);
  });

  it("builds the deployed commit, and verifies it read-only, as the identity of its own environment", () => {
    expect(job("build").with).toMatchObject({ commit: "${{ needs.commit.outputs.commit }}" });
    expect(job("verify").environment).toBe("nightly");
    expect(scriptOf("verify", "verify")).toContain("node tools/run.mjs verify/main.ts --deployed --read-only ||");
    const { steps = [] } = job("verify");
    expect(steps.map(({ run = "" }) => run).join("\n")).not.toMatch(/provision|azd deploy|scm-access/);
    expect(steps.at(-1)?.with).toMatchObject({ "retention-days": 90 });
  });

  it("writes the issue in a job without rights in Azure, also after a job that failed or did not run", () => {
    expect(job("issue").permissions).toEqual({ contents: "read", issues: "write" });
    expect(job("issue").if).toBe("${{ always() && needs.commit.result != 'skipped' }}");
    expect(job("issue").needs).toEqual(["commit", "build", "verify"]);
    expect(job("issue").environment).toBeUndefined();
    const runs = job("issue").steps?.flatMap(({ run }) => run ?? []) ?? [];
    expect(runs.join("\n")).not.toMatch(/\bnpm\b/);
  });

  describe.skipIf(process.platform === "win32")("its scripts", () => {
    let folder: string;
    beforeEach(() => {
      folder = mkdtempSync(join(tmpdir(), "nightly-"));
    });
    afterEach(() => {
      rmSync(folder, { recursive: true });
    });

    /** Runs a step as GitHub does, with a stand-in for the program that it calls. */
    function step(job: string, id: string, program: string, standIn: string) {
      const output = join(folder, "output");
      writeFileSync(output, "");
      writeFileSync(join(folder, program), `#!/bin/sh\n${standIn}\n`, { mode: 0o755 });
      writeFileSync(join(folder, "script"), scriptOf(job, id));
      const { status, stdout } = spawnSync(
        "bash",
        ["--noprofile", "--norc", "-eo", "pipefail", join(folder, "script")],
        {
          encoding: "utf8",
          env: {
            PATH: `${folder}:/usr/bin:/bin`,
            GITHUB_OUTPUT: output,
            GITHUB_REPOSITORY: "owner/repository",
            DEPLOYED: "production",
            JOB: "Deploy and verify",
          },
        },
      );
      return { status, stdout, output: readFileSync(output, "utf8") };
    }

    const [older, old, newest] = ["a", "b", "c"].map((digit) => digit.repeat(40));
    const log = (job: number | string): string => `https://github.com/owner/repository/actions/runs/7/job/${job}`;

    /** @param answers what GitHub answers, by the end of the path; anything else is an error */
    const gh = (list: string, answers: Readonly<Record<string, string>>): string => `
      case "$2" in
        *"deployments?environment=production&"*) printf '${list}' ;;
        ${Object.entries(answers)
          .map(([path, answer]) => `*/${path}) echo "${answer}" ;;`)
          .join("\n")}
        *) exit 1 ;;
      esac`;

    it("find the commit of the last deployment that succeeded, not of one that failed, nor of the job that closes the sites", () => {
      const standIn = gh(`4 ${newest}\n3 ${newest}\n2 ${old}\n1 ${older}\n`, {
        "4/statuses*": log(40),
        "actions/jobs/40": "production / Close the SCM sites",
        "3/statuses*": "",
        "2/statuses*": log(20),
        "actions/jobs/20": "production / Deploy and verify",
      });
      expect(step("commit", "find", "gh", standIn)).toMatchObject({ status: 0, output: `commit=${old}\n` });
    });

    it("know the name of the job that deploys", () => {
      expect(job("commit").steps?.[0]).toMatchObject({
        env: { JOB: jobCalled("deploy-environment.yml", "deploy").name },
      });
    });

    const succeeded = { "1/statuses*": log(10), "actions/jobs/10": "production / Deploy and verify" };
    const NONE = "::error::No deployment to production has succeeded yet";
    it.each<[string, string, Readonly<Record<string, string>>, string]>([
      ["there is no deployment", "", succeeded, NONE],
      ["none has succeeded", `1 ${older}\\n`, { ...succeeded, "1/statuses*": "" }, NONE],
      [
        "only another job has succeeded",
        `1 ${older}\\n`,
        { ...succeeded, "actions/jobs/10": "Deploy and verify" },
        NONE,
      ],
      ["what GitHub answers is no commit", `1 main\\n`, succeeded, NONE],
      ["what GitHub answers is no job", `1 ${older}\\n`, { ...succeeded, "1/statuses*": log("x") }, NONE],
      ["the list cannot be read", `'; exit 1; printf '`, succeeded, ""],
      ["a status cannot be read", `1 ${older}\\n`, {}, ""],
      ["a job cannot be read", `1 ${older}\\n`, { "1/statuses*": log(10) }, ""],
    ])("fail without a commit if %s", (_what, list, answers, message) => {
      const result = step("commit", "find", "gh", gh(list, answers));
      expect(result).toMatchObject({ status: 1, output: "", stdout: expect.stringContaining(message) as string });
    });

    it.each([0, 1, 2, 3])("hand on exit code %i of the verification, and end with it", (code) => {
      expect(step("verify", "verify", "node", `exit ${code}`)).toMatchObject({
        status: code,
        output: `code=${code}\n`,
      });
    });
  });
});

describe("the release of the package", () => {
  it("publishes, in a job that installs nothing, what another one has built and tested", () => {
    const build = jobCalled("release-package.yml", "build");
    const publish = jobCalled("release-package.yml", "publish");
    expect(build.permissions).toBeUndefined();
    expect(publish.needs).toBe("build");
    expect(publish.steps?.flatMap(({ run }) => run ?? [])).toEqual([
      "npm publish --provenance --access public --ignore-scripts ./*.tgz",
    ]);
    const [download] = publish.steps?.slice(-2) ?? [];
    expect(download?.with).toEqual({ "artifact-ids": "${{ needs.build.outputs.artifact }}" });
  });
});

describe("Dependabot", () => {
  it("looks after the packages and the actions, each in a few pull requests a week", () => {
    const { updates } = parse(textOf(".github/dependabot.yml")) as {
      readonly updates: readonly Readonly<Record<string, unknown>>[];
    };
    const [npm, actions] = updates;
    expect([npm?.["package-ecosystem"], actions?.["package-ecosystem"]]).toEqual(["npm", "github-actions"]);
    for (const update of updates) {
      expect(update).toMatchObject({ directory: "/", schedule: { interval: "weekly" } });
      expect(Object.keys(update["groups"] ?? {}).length).toBeGreaterThan(0);
    }
  });
});

function jobCalled(file: string, name: string): Job {
  const job = workflows.find((workflow) => workflow.file === file)?.jobs[name];
  if (job === undefined) throw new Error(`There is no job ${name} in ${file}.`);
  return job;
}

/** The names of the scripts that a shell script runs by npm. */
function npmScriptsIn(script: string): string[] {
  return [...script.matchAll(/\bnpm (?:run (?:-s )?)?(?!(?:ci|install|pack|pkg|publish)\b)([\w:-]+)/g)].map(
    ([, name = ""]) => name,
  );
}
