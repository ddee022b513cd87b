/** The command `npm run verify`, as a process. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import type { Report } from "../model/report.ts";

const main = join(import.meta.dirname, "..", "main.ts");

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "verify-command-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command with a folder of its own for what it leaves behind meanwhile. */
function run(
  args: readonly string[],
  onOutput: (child: ReturnType<typeof spawn>, text: string) => void = () => undefined,
  environment: NodeJS.ProcessEnv = {},
) {
  return new Promise<Ended>((resolve) => {
    const env = { ...process.env, NO_COLOR: "1", TMPDIR: folder, ...environment };
    const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text: Buffer) => (stdout += text.toString()));
    child.stderr.on("data", (text: Buffer) => {
      stderr += text.toString();
      onOutput(child, stderr);
    });
    child.on("close", (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

describe("npm run verify", () => {
  it("verifies what is asked for, and writes the report", async () => {
    const place = join(folder, "report");
    const files = [join(folder, "new", "results.xml"), join(folder, "new", "results.sarif")] as const;
    const written = ["--junit", files[0], "--sarif", files[1]];
    const { code, stdout } = await run(["--only", "both/*/internet", "--report", place, ...written]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Incomplete\. Nothing that was checked differs/);
    expect(stdout).toContain(join(place, "report.html"));
    const report = JSON.parse(await readFile(join(place, "report.json"), "utf8")) as Report;
    const junit = await readFile(files[0], "utf8");
    expect(junit.match(/<testcase /g)).toHaveLength(report.cells.length);
    expect(JSON.parse(await readFile(files[1], "utf8"))).toMatchObject({ version: "2.1.0", runs: [{ results: [] }] });
    expect(report.only).toBe("both/*/internet");
    expect(report.target).toEqual({ kind: "local", system: "own" });
    expect(new Set(report.cells.map(({ origin, layers }) => `${layers} ${origin}`))).toEqual(
      new Set(["both internet"]),
    );
    expect((await readdir(folder)).filter((name) => name.startsWith("verify-"))).toEqual([]);
  });

  it.each([["--only", "nonsense"], ["--nonsense"], ["nonsense"], ["--host", "nonsense"]])(
    "says in a line what is wrong, and ends with 2: %s %s",
    async (...args) => {
      const { code, stdout, stderr } = await run(args);
      expect(code).toBe(2);
      expect(stdout).toBe("");
      expect(stderr).toContain("nonsense");
      expect(stderr).not.toContain("    at ");
    },
  );

  it("refuses --host with --deployed", async () => {
    expect(await run(["--deployed", "--host", "func"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "--host is for the local system: leave out --deployed.\n",
    });
  });

  it.each([["--deployed"], ["--only", "both/*"]])("refuses --unused with %s", async (...args) => {
    const { code, stderr } = await run(["--unused", ...args]);
    expect({ code, stderr }).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^--unused is for the local/) as string,
    });
  });

  it("refuses --read-only without --deployed", async () => {
    expect(await run(["--read-only"])).toEqual({
      code: 2,
      stdout: "",
      stderr: "--read-only is for a deployment: add --deployed.\n",
    });
  });

  it.each([
    [["--probe"], "--probe is for a deployment: add --deployed."],
    [["--probe", "--yes"], "--probe is for a deployment: add --deployed."],
    [["--deployed", "--probe", "--yes", "--read-only"], "--probe creates resources: leave out --read-only."],
    [["--deployed", "--yes"], "--yes confirms --probe: add --probe."],
    [
      ["--deployed", "--probe"],
      "--probe asks before it creates anything, and there is no terminal to ask on: add --yes.",
    ],
  ])("refuses %j", async (args, message) => {
    expect(await run(args)).toEqual({ code: 2, stdout: "", stderr: `${message}\n` });
  });

  it("refuses a folder for a file before it makes any call, and files for what has no report", async () => {
    expect(await run(["--sarif", folder])).toMatchObject({
      code: 2,
      stderr: `--sarif is a file, and ${folder} is a folder.\n`,
    });
    expect(await run(["--unused", "--junit", join(folder, "x.xml")])).toMatchObject({
      code: 2,
      stderr: "--unused makes no report: leave out --junit and --sarif.\n",
    });
  });

  it("says what to do where there is no deployment", async () => {
    const { code, stderr } = await run(["--deployed"], undefined, { PATH: "", SERVICES: undefined });
    expect(code).toBe(2);
    expect(stderr).toContain("azd env select");
    expect(stderr).not.toContain("    at ");
  });

  it("checks that the report can be written before it makes its calls", async () => {
    const file = join(folder, "a-file");
    await writeFile(file, "");
    onTestFinished(() => rm(file));
    const { code, stdout, stderr } = await run(["--report", join(file, "report")]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^\S+report cannot be written \(ENOTDIR\): .*\n$/);
  });

  it("prints its usage", async () => {
    const { code, stdout } = await run(["--help"]);
    expect(code).toBe(0);
    for (const option of ["--only", "--deployed", "--read-only", "--probe", "--yes", "--report", "Exit code"])
      expect(stdout).toContain(option);
  });

  it.skipIf(process.platform === "win32")("is stopped by Ctrl-C, and leaves nothing behind", async () => {
    let asked = false;
    const { code, stderr } = await run(["--report", join(folder, "none")], (child, text) => {
      if (asked || !/\d+ of \d+/.test(text)) return;
      asked = true;
      child.kill("SIGINT");
    });
    expect(code).toBe(130);
    expect(stderr).toContain("Stopped: no report was written.");
    expect((await readdir(folder)).filter((name) => /^(verify-|none)/.test(name))).toEqual([]);
  });
});
