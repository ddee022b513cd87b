/** docs/explain.md shows what `npm run explain` prints. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { operationsOf } from "../../tools/contracts.ts";
import { blocksOf, shows } from "./docs-pages.ts";

const root = join(import.meta.dirname, "..", "..");
const [commands, output] = blocksOf(readFileSync(join(root, "docs", "explain.md"), "utf8"));
const isOtherBusiness = !operationsOf("callee-func").some(({ id }) => id === "get-stock");

test.skipIf(isOtherBusiness)(
  "the first command prints what the page shows",
  { tags: "needs-pages-of-this-business" },
  () => {
    const [, caller = "", call = ""] = /^npm run explain -- (\S+) "([^"]+)"$/m.exec(commands?.text ?? "") ?? [];
    const program = join(root, "verify", "explain", "main.ts");
    const { stdout, stderr } = spawnSync(process.execPath, [program, caller, call], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1" },
    });
    expect(stderr).toBe("");
    expect(stdout).toMatch(shows(output?.text ?? "nothing"));
  },
);
