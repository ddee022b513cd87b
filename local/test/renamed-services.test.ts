import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { copyRepository } from "../../tools/testing/repository-copy.ts";
import { updateSnapshot } from "../../tools/testing/service-of-copy.ts";

/** The new name of each service, and of the settings for calls to it. */
const names = [
  ["caller-func", "billing-func"],
  ["callee-func", "ledger-func"],
  ["CALLEE", "LEDGER"],
] as const;

/** What docs/make-it-yours.md lists: files of data, and the services' own folders. */
const files = ["shared/access-policy.json", "infra/service-options.json", "local.settings.sample.json", "package.json"];

let folder: string;
beforeAll(() => {
  const copy = copyRepository();
  ({ folder } = copy);
  for (const [from, to] of names.slice(0, 2)) renameSync(join(folder, from), join(folder, to));
  const own = ["billing-func", "ledger-func"].flatMap((service) =>
    readdirSync(join(folder, service), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  for (const file of [...files.map((name) => join(folder, name)), ...own]) {
    const text = readFileSync(file, "utf8");
    writeFileSync(
      file,
      names.reduce((renamed, [from, to]) => renamed.replaceAll(from, to), text),
    );
  }
  updateSnapshot(folder);
  return () => {
    copy.remove();
  };
});

function run(script: string, ...args: readonly string[]) {
  return spawnSync(process.execPath, [join(folder, script), ...args], { cwd: folder, encoding: "utf8" });
}

test("services of other names compile", () => {
  const config = { extends: "./tsconfig.json", exclude: ["node_modules", "examples", "*/test"] };
  writeFileSync(join(folder, "tsconfig.sources.json"), JSON.stringify(config));
  expect(run(join("node_modules", "typescript", "bin", "tsc"), "--project", "tsconfig.sources.json").stdout).toBe("");
});

test("npm start -- --once shows them", { timeout: 180_000 }, () => {
  const { stdout, stderr } = run("local/commands/start.ts", "--once");
  expect(stdout, stderr).toContain("Every outcome was the expected one.");
});

test("npm run verify proves their restriction", { timeout: 300_000 }, () => {
  const { status, stdout, stderr } = run("verify/main.ts", "--report", join(folder, "report"));
  expect(status, `${stdout}${stderr}`).toBe(0);
});
