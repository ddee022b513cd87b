import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { copyRepository } from "../../tools/testing/repository-copy.ts";

/** Runs tests in a copy of this repository whose folder has such a name. */
function testIn(name: string, ...files: string[]) {
  const copy = copyRepository(name);
  onTestFinished(() => {
    copy.remove();
  });
  const vitest = join(copy.folder, "node_modules", "vitest", "vitest.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [vitest, "run", ...files], {
    cwd: copy.folder,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, output: stdout + stderr };
}

test("the tests that read paths out of source maps pass in any folder", { timeout: 180_000 }, () => {
  const { status, output } = testIn("a b ü [1]-", "local/test/debugging.test.ts");
  expect(status, output).toBe(0);
});
