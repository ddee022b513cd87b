/** Builds in an artifact and in a checkout. */
import { spawnSync } from "node:child_process";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyRepository, type RepositoryCopy } from "../../tools/testing/repository-copy.ts";

describe("in an artifact (PREBUILT=1)", () => {
  let copy: RepositoryCopy;
  const run = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const { PREBUILT: _, ...environment } = process.env;
    const options = { cwd: copy.folder, encoding: "utf8", env: { ...environment, ...env } } as const;
    return spawnSync(process.execPath, args, options);
  };

  beforeAll(() => {
    copy = copyRepository();
    expect(run(["tools/build.ts", "callee-func"])).toMatchObject({ status: 0, stderr: "" });
    // A mark that no build makes.
    const app = join(copy.folder, "dist", "callee-func");
    const manifest = JSON.parse(readFileSync(join(app, "package.json"), "utf8")) as { main: string };
    renameSync(join(app, manifest.main), join(app, "package-of-the-artifact.js"));
    writeFileSync(join(app, "package.json"), JSON.stringify({ ...manifest, main: "package-of-the-artifact.js" }));
  });
  afterAll(() => {
    copy.remove();
  });

  const read = `import { builtService } from "./verify/model/built-service.ts";
    const { entryPoint, functions } = await builtService("callee-func");
    console.log(entryPoint, functions.length);`;

  it("the proof compares with what was deployed, and builds nothing", () => {
    const { stdout, stderr } = run(["--input-type=module", "--eval", read], { PREBUILT: "1" });
    expect(stdout, stderr).toMatch(/^package-of-the-artifact\.js [1-9]\d*\n$/);
    // What was deployed stays.
    expect(run(["--input-type=module", "--eval", read], { PREBUILT: "1" }).stdout).toBe(stdout);
    expect(run(["--input-type=module", "--eval", read]).stdout).toMatch(/^package-[0-9a-f]{64}\.js /);
  });

  it("a build is refused", () => {
    const { status, stdout, stderr } = run(["tools/build.ts"], { PREBUILT: "1" });
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain("PREBUILT=1 says that the apps are built already, so nothing was built.");
  });
});
