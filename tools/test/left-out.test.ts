import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const ON_WINDOWS_ONLY = `process.platform === "win32"`;

/** The files with a test that skips itself where the machine lacks something. */
const files = globSync("*/test/**/*.test.ts", { cwd: root }).filter((file) => conditionsOf(file).length > 0);

/** What follows each `skipIf(`, up to the test's function. */
function conditionsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^\s*(?:describe|it|test)\.(?:skip|run)If\(([^]*?)=>/gm)]
    .map(([, condition = ""]) => condition)
    .filter((condition) => !condition.startsWith(ON_WINDOWS_ONLY));
}

/** Runs tests on a machine without a browser, and with nothing on its PATH. */
function runTests(...args: string[]) {
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { NODE_OPTIONS: _, REQUIRE_BROWSER: _browser, INFRA_BICEP: _bicep, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, "run", ...args], {
    cwd: root,
    encoding: "utf8",
    env: { ...env, PATH: "", Path: "", CHROMIUM_PATH: "", NO_COLOR: "1" },
  });
  return {
    status,
    output: stdout + stderr,
    leftOut: stdout.split("\n").filter((line) => line.startsWith("Left out: ")),
  };
}

const withoutBrowser = [
  "verify/test/report-page.test.ts",
  "local/test/certificates.test.ts",
  "infra/test/compiler.test.ts",
];

test(
  "a machine that lacks what some tests need passes, and is told in one line each how to get it",
  { timeout: 180_000 },
  () => {
    const { status, output, leftOut } = runTests(...withoutBrowser);
    expect(status, output).toBe(0);
    expect(leftOut).toHaveLength(3);
    for (const line of [
      /^Left out: 1 test of certificates by OpenSSL's strict check: install openssl\.$/,
      /^Left out: \d+ tests of the report in a browser: install Chromium, .*CHROMIUM_PATH\.$/,
      /^Left out: \d+ tests of the templates by the Bicep compiler: npm run infra:check /,
    ]) {
      expect(leftOut).toContainEqual(expect.stringMatching(line));
    }
  },
);

test("who chooses tests by name is not told of the others", { timeout: 180_000 }, () => {
  expect(runTests("local/test/certificates.test.ts", "-t", "keep no other key")).toMatchObject({
    status: 0,
    leftOut: [],
  });
});

test("every test that skips itself where something is missing has the tag that says how to get it", () => {
  expect(files).toContain("verify/test/report-page.test.ts");
  const untagged = files.flatMap((file) =>
    conditionsOf(file)
      .filter((condition) => !condition.includes(`tags: "needs-`))
      .map((condition) => `${file}: ${condition}`),
  );
  expect(untagged).toEqual([]);
});
