import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { serviceNames } from "../../tools/access-policy.ts";
import { temporaryFolder } from "../../tools/write-file.ts";
import { buildAll } from "../cold-start-builds.ts";

test("unbundled code is JavaScript only: no measured start waits for Node to strip types", async () => {
  const [app = ""] = serviceNames;
  const { folder, remove } = temporaryFolder("cold-start-");
  try {
    const cwd = join((await buildAll(app, folder)).unbundled, "..", "..", "..");
    const required = globSync(`{${app},shared}/**/*.js`, { cwd, exclude: ["**/node_modules/**"] }).flatMap((file) =>
      [...readFileSync(join(cwd, file), "utf8").matchAll(/\b(?:require|import)\("([^"]+)"\)/g)].map(([, name]) => name),
    );
    expect(required).toContain("valibot");
    expect(required.filter((name) => /@restricted-calls|\.ts$/.test(name ?? ""))).toEqual([]);
  } finally {
    remove();
  }
});
