import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { isAlive } from "./host-fixture.ts";

const launcher = join(import.meta.dirname, "..", "run.mjs");
let folder: string;

/** A repository with nothing in it but the launcher, a script, and an npm that notes how it was called. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "launcher-"));
  await mkdir(join(folder, "local"));
  await cp(launcher, join(folder, "local", "run.mjs"));
  await cp(join(launcher, "..", "..", "environment.mjs"), join(folder, "environment.mjs"));
  await lock({ version: "2.0.0" });
  await writeFile(
    join(folder, "npm.js"),
    `require("fs").writeFileSync("npm-was-called", process.argv.slice(2).join(" "));`,
  );
  await writeFile(join(folder, "script.mjs"), `console.log("script", ...process.argv.slice(2)); process.exitCode = 7;`);
});
afterEach(() => rm(folder, { recursive: true }));

function launch(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "local", "run.mjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, npm_execpath: join(folder, "npm.js") },
  });
  return { status, stdout, stderr };
}

const npmCall = (): Promise<string> => readFile(join(folder, "npm-was-called"), "utf8").catch(() => "not called");

/** The lock file names ourselves, one package, and one that is optional. */
const lock = (needed: object): Promise<void> =>
  writeFile(
    join(folder, "package-lock.json"),
    JSON.stringify({
      packages: {
        "": { name: "us" },
        "node_modules/needed": needed,
        "node_modules/optional": { version: "1.0.0", optional: true },
      },
    }),
  );

/** What npm notes of an installation. */
async function pretendInstalled(packages: object = { "node_modules/needed": { version: "2.0.0" } }): Promise<void> {
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await writeFile(join(folder, "node_modules", ".package-lock.json"), JSON.stringify({ packages }));
}

test("asks for no colours where the output is no terminal, unless somebody has asked for them", async () => {
  await pretendInstalled();
  await writeFile(join(folder, "script.mjs"), `console.log(process.env.NO_COLOR ?? "colours");`);
  const { FORCE_COLOR: _force, NO_COLOR: _no, ...env } = process.env;
  const printed = (settings: Record<string, string>): string =>
    spawnSync(process.execPath, [join(folder, "local", "run.mjs"), "script.mjs"], {
      encoding: "utf8",
      env: { ...env, ...settings },
    }).stdout.trim();
  expect(printed({})).toBe("1");
  expect(printed({ FORCE_COLOR: "1" })).toBe("colours");
});

test("installs what is missing, then runs the script, with its arguments and its exit code", async () => {
  expect(launch("script.mjs", "--once")).toMatchObject({
    status: 7,
    stdout: expect.stringContaining("script --once") as string,
  });
  expect(await npmCall()).toBe("ci --no-audit --no-fund --loglevel=error");
});

test("installs nothing where all of the lock file is there but what is optional, however new the lock file is", async () => {
  await pretendInstalled();
  const tomorrow = new Date(Date.now() + 86_400_000);
  await utimes(join(folder, "package-lock.json"), tomorrow, tomorrow);
  expect(launch("script.mjs").status).toBe(7);
  expect(await npmCall()).toBe("not called");
});

test.each([
  ["has another version", { "node_modules/needed": { version: "1.0.0" } }],
  ["has another content", { "node_modules/needed": { version: "2.0.0", integrity: "sha512-other" } }],
  ["lacks a package", {}],
  ["has a package too many", { "node_modules/needed": { version: "2.0.0" }, "node_modules/old": { version: "1.0.0" } }],
])("installs anew where the installation %s", async (_how, packages) => {
  await pretendInstalled(packages);
  launch("script.mjs");
  expect(await npmCall()).toBe("ci --no-audit --no-fund --loglevel=error");
});

test("stops where the installation fails", async () => {
  await writeFile(join(folder, "npm.js"), "process.exitCode = 1;");
  const { status, stdout, stderr } = launch("script.mjs");
  expect({ status, ran: stdout.includes("script") }).toEqual({ status: 1, ran: false });
  expect(stderr).toContain("could not be installed");
});

// On Windows it would take a program, not a script, to pretend.
test.skipIf(process.platform === "win32")(
  "stops where Node is still too old after it, and says why and what to do",
  async () => {
    await pretendInstalled();
    const bin = join(folder, "node_modules", "node", "bin");
    await mkdir(bin, { recursive: true });
    await writeFile(join(bin, "node"), "#!/bin/sh\necho v20.20.2\n", { mode: 0o755 });
    const { status, stderr } = launch("script.mjs");
    expect(status).toBe(1);
    expect(stderr).toMatch(/Node 22\.18 or later is needed, and this is v20\.20\.2\..*npm rebuild node/s);
  },
);

describe.skipIf(process.platform === "win32")("a script that is asked to end", () => {
  /** Starts the launcher below a shell, as npm does, and waits until the script runs. */
  async function launchBelowShell() {
    await pretendInstalled();
    await writeFile(
      join(folder, "waits.mjs"),
      `for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => { console.log("got", signal); process.exit(0); });
       setInterval(() => undefined, 1000);
       console.log("launcher", process.ppid);`,
    );
    const command = `"${process.execPath}" local/run.mjs waits.mjs; true`;
    const shell = spawn("sh", ["-c", command], { cwd: folder, stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    shell.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await expect.poll(() => output, { timeout: 10_000 }).toMatch(/launcher \d+\n/);
    return { shell, launcher: Number(/launcher (\d+)/.exec(output)?.[1]), output: () => output };
  }

  test("gets the launcher's Ctrl-C", async () => {
    const { launcher, output } = await launchBelowShell();
    process.kill(launcher, "SIGINT");
    await expect.poll(output, { timeout: 10_000 }).toContain("got SIGINT");
  });

  test("ends during the installation too, with npm, and says by its exit code why", async () => {
    await writeFile(join(folder, "npm.js"), `console.log("npm", process.pid); setInterval(() => undefined, 1000);`);
    const child = spawn(process.execPath, [join(folder, "local", "run.mjs"), "script.mjs"], {
      env: { ...process.env, npm_execpath: join(folder, "npm.js") },
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    await expect.poll(() => output, { timeout: 10_000 }).toMatch(/npm \d+\n/);
    const ended = once(child, "exit");
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    expect(isAlive(Number(/npm (\d+)/.exec(output)?.[1]))).toBe(false);
    expect(output).not.toContain("script");
  });

  test("ends when npm has ended the shell above the launcher", async () => {
    const { shell, output } = await launchBelowShell();
    shell.kill("SIGTERM");
    await expect.poll(output, { timeout: 10_000 }).toContain("got SIGTERM");
  });
});
