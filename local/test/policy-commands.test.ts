import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { copyRepository } from "../../tools/testing/repository-copy.ts";
import { watchPolicy } from "../system/watch.ts";

// Each test starts a process; on a busy machine that takes a while.
vi.setConfig({ testTimeout: 120_000 });

const root = join(import.meta.dirname, "..", "..");
const copy = copyRepository();
const { folder } = copy;
const policyFile = join(folder, "shared", "access-policy.json");
const optionsFile = join(folder, "infra", "service-options.json");
const [policy, options] = [policyFile, optionsFile].map((file) => readFileSync(file, "utf8")) as [string, string];

afterAll(() => {
  copy.remove();
});
afterEach(() => {
  writeFileSync(policyFile, policy);
  writeFileSync(optionsFile, options);
});

function run(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8" });
  return { status, stdout, stderr };
}

const scripts = Object.values(
  (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> }).scripts,
).flatMap((command) => /^node tools\/run\.mjs (\S+\.(?:ts|mjs).*)$/.exec(command)?.[1] ?? []);
const hooks = [...new Set(readFileSync(join(root, "azure.yaml"), "utf8").match(/infra\/hooks\/\S+\.ts(?=;)/g))];
const commands = [...scripts, ...hooks].map((command) => {
  if (command.endsWith("local/commands/start.ts")) return `${command} --once`;
  return command.includes("scm-access") ? `${command} open` : command;
});

describe("with mistakes in the access policy and the service options", () => {
  beforeEach(() => {
    writeFileSync(policyFile, policy.replace('"subnet": 1', '"subnet": 0, "owner": "me"'));
    writeFileSync(optionsFile, options.replace('"settings": {', '"settings": { "ALLOWED_CALLERS": "all",'));
  });
  const mistakes = [
    /^shared\/access-policy\.json: callee-func: "owner" is not one of subnet, roles, callers, justifications$/,
    /^shared\/access-policy\.json: callee-func\.subnet: 0 is the subnet of caller-func$/,
    /^infra\/service-options\.json: caller-func\.settings: "ALLOWED_CALLERS" is set by the templates$/,
  ].map((line) => expect.stringMatching(line) as string);

  test("all commands and hooks are known here", () => {
    expect(hooks).toHaveLength(4);
    expect(scripts.length).toBeGreaterThan(10);
  });

  test.each(commands)("%s does nothing, says all of them, and ends with 2", (command) => {
    const { status, stdout, stderr } = run(command.split(" "));
    expect({ status, stdout, stderr: stderr.trim().split("\n") }).toEqual({ status: 2, stdout: "", stderr: mistakes });
  });

  test("an address that was let in to the SCM sites is closed all the same", () => {
    const { stderr } = run(["infra/scm-access/main.ts", "close"]);
    expect(stderr).toMatch(/AZURE_SUBSCRIPTION_ID|azd/);
    expect(stderr).not.toContain("access-policy.json");
  });
});

test.each(["local/commands/start.ts --once", "tools/build.ts", "infra/hooks/before-provision.ts"])(
  "%s says in one line where a policy stops being JSON",
  (command) => {
    writeFileSync(policyFile, policy.replace('"subnet": 0,', '"subnet": 0'));
    expect(run(command.split(" "))).toEqual({
      status: 2,
      stdout: "",
      stderr: 'shared/access-policy.json:6:7: expected "," or "}", found "roles":\n',
    });
  },
);

test("while the system runs, a changed policy is waited for, and mistakes are told", async () => {
  const log: string[] = [];
  let isChanged = false;
  const watch = watchPolicy(folder, (source, line) => log.push(`${source}: ${line}`));
  void watch.changed.then(() => (isChanged = true));
  const soon = { timeout: 20_000, interval: 100 };
  try {
    writeFileSync(
      policyFile,
      policy
        .replace('"callers": {\n        "caller-func"', '"callers": {\n        "ghost-func"')
        .replace('"justifications": {\n        "caller-func"', '"justifications": {\n        "ghost-func"'),
    );
    await expect
      .poll(() => log, soon)
      .toEqual([
        'policy: shared/access-policy.json: callee-func.callers: "ghost-func" is neither a service nor an external caller',
        "policy: The system keeps running with the old policy.",
      ]);
    writeFileSync(policyFile, policy);
    writeFileSync(optionsFile, options.replace("{", "{,"));
    await expect
      .poll(() => log.at(-2), soon)
      .toMatch(/^policy: infra\/service-options\.json:1:2: expected a member's name/);
    expect(isChanged).toBe(false);
    writeFileSync(optionsFile, options.replace("/api/health", "/api/healthy"));
    await expect.poll(() => isChanged, soon).toBe(true);
  } finally {
    watch.stop();
  }
});

test("npm run dev ends its system when they have changed, and asks to be started again", async () => {
  const args = ["local/commands/start.ts", "--watch", "--free-ports"];
  const child = spawn(process.execPath, args, { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const ended = once(child, "exit");
  try {
    await expect.poll(() => output, { timeout: 90_000 }).toContain("are running");
    writeFileSync(optionsFile, options.replace("{", "{,"));
    await expect.poll(() => output, { timeout: 20_000 }).toContain("The system keeps running with the old policy.");
    writeFileSync(optionsFile, options.replace("/api/health", "/api/healthy"));
    expect(await ended).toEqual([75, null]);
    expect(output).toMatch(/starting again \.\.\.\nStopping \.\.\.\n(.*\n)*Stopped\.\n$/);
  } finally {
    child.kill();
    await ended;
  }
});
