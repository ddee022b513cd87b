/** docs/make-it-yours.md: after another business took the place of this one, and a service came, every check of a newcomer passes. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blocksOf, replacementsOf } from "./docs-pages.ts";
import { environmentFor } from "../../tools/environment.mjs";
import { newService } from "../../tools/testing/service-of-copy.ts";
import { AS_CLONED, copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";

const page = blocksOf(readFileSync(join(import.meta.dirname, "..", "..", "docs", "make-it-yours.md"), "utf8"));
const LIMIT_MS = 1_200_000;

/**
 * The tests in which a service or a page shows. infra:check runs those of infra/; the others have policies and apps of their own.
 * Not build.test.ts: bundles name their packages, which are links here.
 */
const TESTS = [
  ...["audit-func/", "callee-func/", "caller-func/", "chaos/", "verify/"],
  ...readdirSync(join(import.meta.dirname, "..", "..", "tools", "test"))
    .filter((file) => file !== "build.test.ts")
    .map((file) => `tools/test/${file}`),
  ...["debugging", "docs-", "own-settings", "policy-commands", "start.test", "start-command"].map(
    (file) => `local/test/${file}`,
  ),
];

describe.skipIf(process.env["CHECK_EXAMPLES"] !== "1")("another business", { tags: "needs-time" }, () => {
  let copy: RepositoryCopy;
  const run = (file: string, ...args: readonly string[]): void => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
      cwd: copy.folder,
      encoding: "utf8",
      env: { ...environmentFor("terminal", "internet", "dotnet"), NO_COLOR: "1" },
    });
    expect(status, `${stdout}${stderr}`).toBe(0);
  };
  const shell = (script: string): void => {
    const { status, stderr } = spawnSync("sh", ["-ec", script], { cwd: copy.folder, encoding: "utf8" });
    expect(status, stderr).toBe(0);
  };

  beforeAll(() => {
    copy = copyRepository();
    shell(AS_CLONED);
    // The beginning of the page, and the section.
    const blocks = page.filter(({ section }) => !/^[123]\. /.test(section));
    for (const script of replacementsOf(blocks)) shell(script);
    newService(copy.folder, "audit-func", "--calls", "callee-func:Readings.Read", "--offers", "Audit.Read");
  });
  afterAll(() => {
    copy.remove();
  });

  test("npm run infra:check -- --update", { timeout: LIMIT_MS }, () => {
    run("infra/check.ts", "--update");
  });

  test.each([
    ["typecheck", "typescript/bin/tsc"],
    ["lint", "eslint/bin/eslint.js", "."],
    ["format:check", "prettier/bin/prettier.cjs", "--check", "."],
    ["test", "vitest/vitest.mjs", "run", ...TESTS],
  ])("npm run %s", { timeout: LIMIT_MS }, (_, file, ...args) => {
    run(join("node_modules", file), ...args);
  });

  test.each([
    ["verify", "verify/main.ts"],
    ["chaos -- --messages 50", "chaos/main.ts", "--messages", "50"],
    ["bench -- readings", "bench/main.ts", "readings"],
    ["start -- --once", "local/commands/start.ts", "--once"],
  ])("npm run %s", { timeout: LIMIT_MS }, (_, file, ...args) => {
    run(file, ...args);
  });
});
