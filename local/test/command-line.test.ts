import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { command, reasonOf, UsageError, wholeNumber } from "../../tools/command-line.ts";
import { freePort } from "../system/ports.ts";

const root = join(import.meta.dirname, "..", "..");
const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: Record<string, string> };

/** The npm scripts that are programs of this repository. */
const own = Object.entries(scripts).flatMap(([name, command]) => {
  const args = /^node tools\/run\.mjs (\S+\.ts.*)$/.exec(command)?.[1]?.split(" ");
  return args === undefined ? [] : [[name, args] as const];
});

function run(args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: "utf8" });
  return { status, stdout, stderr };
}

test("the scripts of package.json install what they need, and need no shell of one platform", () => {
  for (const command of Object.values(scripts)) expect(command).toMatch(/^node tools\/run\.mjs( [@\w./:-]+)+$/);
  expect(own.map(([name]) => name)).toEqual(
    expect.arrayContaining([
      "start",
      "dev",
      "start:caller",
      "start:callee",
      "settings",
      "build",
      "infra:check",
      "bench",
    ]),
  );
});

describe.each(own)("npm run %s", (_name, args) => {
  test("-- --help prints its usage", () => {
    const { status, stdout, stderr } = run([...args, "--help"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^Usage: npm /);
    expect(stdout).toMatch(/^ {2}--help /m);
  });

  test.skipIf(process.platform === "win32")("ends quietly where nobody reads what it prints", async () => {
    const child = spawn(process.execPath, [...args, "--help"], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    child.stdout.destroy();
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    const [code] = (await once(child, "close")) as [number];
    expect({ code, errors }).toEqual({ code: 141, errors: "" });
  });

  test.each([
    ["an unknown option", "--nonsense"],
    ["an argument too many", "nonsense"],
  ])("refuses %s in one line, with exit code 2", (_what, argument) => {
    const { status, stdout, stderr } = run([...args, argument]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });
});

test("a number on the command line is a whole one, within its range", () => {
  expect(wholeNumber("--port", "7071", 1, 65_535)).toBe(7071);
  for (const text of ["", "-1", "1.5", "1e3", "0", "65536", "0x10", " 7"]) {
    expect(() => wholeNumber("--port", text, 1, 65_535)).toThrow(UsageError);
  }
  expect(() => wholeNumber("--messages", "0", 1)).toThrow("--messages must be a whole number, 1 or more, but is");
});

describe("a failure is printed with its cause:", () => {
  test("the command of a failed call names the address", async () => {
    const printed = vi.spyOn(console, "error").mockReturnValue();
    const [argv, exitCode] = [process.argv, process.exitCode];
    process.argv = argv.slice(0, 2);
    try {
      await command("", {}, async () => {
        await fetch(`http://127.0.0.1:${await freePort()}`);
        return 0;
      });
      expect(process.exitCode).toBe(1);
      expect(printed.mock.calls.flat().join()).toMatch(/^fetch failed \(connect ECONNREFUSED 127\.0\.0\.1:\d+\)$/);
    } finally {
      Object.assign(process, { argv, exitCode });
      printed.mockRestore();
    }
  });

  test.each([
    ["a cause of a cause", new Error("a", { cause: new Error("b", { cause: new Error("c") }) }), "a (b (c))"],
    ["a cause that is told already", new Error("cannot read: b", { cause: new Error("b") }), "cannot read: b"],
    ["several attempts", new Error("a", { cause: new AggregateError([new Error("b"), new Error("c")]) }), "a (b; c)"],
    ["a usage error stands alone", new UsageError("a", { cause: new Error("b") }), "a"],
    ["no error at all", "a", "a"],
  ])("%s", (_what, error, words) => {
    expect(reasonOf(error)).toBe(words);
  });
});

describe("colours", () => {
  const print = `
    const { whatToTry } = await import(${JSON.stringify(new URL("../demo/what-to-try.ts", import.meta.url).href)});
    const entra = { authority: "", tenantId: "", managedIdentityEndpoint: "", identityHeader: "" };
    const endpoints = { caller: "", callee: {}, entra, api: { identifierUri: "" }, identities: {}, apps: {}, host: "embedded" };
    console.log(whatToTry(endpoints, "", { withApps: true }));`;
  const printed = (settings: Record<string, string>): string => {
    const { FORCE_COLOR: _force, NO_COLOR: _no, ...env } = process.env;
    const args = ["--input-type=module", "-e", print];
    return execFileSync(process.execPath, args, { encoding: "utf8", env: { ...env, ...settings } });
  };

  test("are for a terminal, and for whoever asks for them", () => {
    expect(printed({})).not.toContain("\x1b");
    expect(printed({ FORCE_COLOR: "1" })).toContain("\x1b[1m");
    expect(printed({ NO_COLOR: "1" })).not.toContain("\x1b");
  });
});

describe.skipIf(process.platform === "win32")("Ctrl-C", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "ctrl-c-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** Every process that has this test's folder on its command line: storage, workers. */
  const processes = (): string[] =>
    execFileSync("ps", ["-eo", "args"], { encoding: "utf8" })
      .split("\n")
      .filter((line) => line.includes(folder));

  test.each([
    ["npm start -- --once", "while it starts", ["local/commands/start.ts", "--once"], "Starting"],
    ["npm start -- --once", "while it runs", ["local/commands/start.ts", "--once"], "Started in"],
    ["npm run chaos", "while it runs", ["chaos/main.ts"], "are up."],
  ])(
    "ends %s %s: exit code 130, nothing left running, nothing left behind",
    async (_command, _when, [script = "", ...args], line) => {
      const main = join(root, script);
      const env = { ...process.env, TMPDIR: folder };
      const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
      const ended = once(child, "exit");
      await expect.poll(() => output, { timeout: 60_000 }).toContain(line);
      child.kill("SIGINT");
      expect(await ended).toEqual([130, null]);
      expect(output).not.toMatch(/Error|Log of the system/);
      await expect.poll(processes, { timeout: 10_000 }).toEqual([]);
      expect(await readdir(folder)).toEqual([]);
    },
    90_000,
  );
});
