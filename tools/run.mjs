/**
 * Runs a script of this repository: `node tools/run.mjs <script> [argument ...]`.
 *
 * Installs the dependencies first if they differ from the lock file, among them the Node that the scripts need, and runs the
 * script under that Node. This file and its imports use no packages, because they run before the installation. Up to the
 * check of the version, they use nothing newer than Node 18.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { environmentFor, isPrebuilt } from "./environment.mjs";
import { lock } from "./lock.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The exit code of a script that asks for a restart: `npm run dev`, after a change of the access policy. */
const START_AGAIN = 75;

/** The lowest version of Node for the installation: "engines" in package.json. */
const TO_INSTALL = [20, 19];
/** The first Node that runs TypeScript files without a build, and has `await using`. */
const TO_RUN = [24, 0];

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail("Usage: node tools/run.mjs <script> [argument ...]", 2);
if (!isAtLeast(process.version, TO_INSTALL)) {
  fail(
    `Node ${TO_INSTALL.join(".")} or later is needed, but this is ${process.version}. Install Node 24: https://nodejs.org`,
  );
}

// Vitest reads the path as a URL.
if (script.includes("vitest") && /[#?%]/.test(root)) {
  fail(`Vitest cannot run in a folder with "#", "?" or "%" in its path, as in ${root}. Move this folder elsewhere.`);
}

/** The running child process, which gets each request to end. There is none while another process installs. */
let child;
/** The last request to end: it decides the exit code. */
let asked;
passOnRequestsToEnd();
if (!isInstalled()) await install();
const node = await findNode();
const PATH = [join(root, "node_modules", ".bin"), dirname(node), process.env.PATH].join(delimiter);
// Without NO_COLOR, Vitest prints colours also if the output is no terminal.
const colours = process.stdout.isTTY || "FORCE_COLOR" in process.env ? {} : { NO_COLOR: "1" };
// The scripts of these folders call Azure, or are azd's hooks.
const further = /^(infra|verify)\//.test(script) ? ["azure"] : ["az"];
const environment = environmentFor("command", "terminal", "internet", "dotnet", ...further);
let exitCode;
do exitCode = await run(node, [script, ...args], { env: { ...environment, ...colours, PATH } });
while (exitCode === START_AGAIN);
process.exit(exitCode);

/**
 * Compares the installed packages with the lock file, one by one. Only an optional package may be missing: it is for another
 * platform, or its installation failed.
 */
function isInstalled() {
  const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  let installed;
  try {
    // npm writes this file last, so an interrupted installation counts as missing.
    installed = packagesOf(join(root, "node_modules", ".package-lock.json"));
  } catch {
    return false;
  }
  const wanted = packagesOf(join(root, "package-lock.json"));
  delete wanted[""]; // The repository itself.
  const isThere = ([path, { version, integrity, resolved, link, optional }]) => {
    const found = installed[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && (!link || found.resolved === resolved);
  };
  // The install script of the "node" package adds Node there, and npm install records it. The lock file does not name it.
  const isKnown = (path) => path in wanted || path.startsWith("node_modules/node/node_modules/");
  return Object.keys(installed).every(isKnown) && Object.entries(wanted).every(isThere);
}

async function install() {
  await whileOthersWait(async () => {
    if (!isInstalled()) await npmCi();
  });
}

/** Two npm processes in one folder break each other's work: azd's hooks, or two terminals in a new clone. */
async function whileOthersWait(action) {
  if (isPrebuilt) {
    fail(
      "PREBUILT=1 says that the packages are installed, but some of package-lock.json are missing. Nothing was installed: " +
        "unpack the artifact of the build job again (docs/delivery.md).",
    );
  }
  const folder = join(root, ".local", "installing");
  const release = await lock(folder, (holder, seconds) => {
    console.log(
      `Process ${holder} is installing the dependencies: waiting for it (${seconds} s). If it is not, delete ${folder}`,
    );
  });
  await action();
  release();
}

async function npmCi() {
  console.log("Installing dependencies (npm ci) ...");
  // Overrides npm settings that were made for other projects (NODE_ENV=production, omit, engine-strict): all packages are
  // needed, and not the Node that npm runs under uses them. Its warnings are about that Node, too.
  // https://docs.npmjs.com/cli/v11/commands/npm-ci
  const all = ["--include=dev", "--include=optional", "--include=peer", "--engine-strict=false"];
  const exitCode = await npm("ci", ...all, "--no-audit", "--no-fund", "--loglevel=error");
  if (exitCode !== 0) fail("The dependencies could not be installed: see npm's message above.");
}

/** Runs the npm that runs this script. Without one (by hand, or under another package manager), runs the one on the PATH. */
async function npm(...args) {
  const path = process.env.npm_execpath ?? "";
  const exitCode =
    basename(path) === "npm-cli.js"
      ? await run(process.execPath, [path, ...args])
      : await run(["npm", ...args].join(" "), [], { shell: true });
  if (asked !== undefined) process.exit(exitCode);
  return exitCode;
}

/** The Node that npm installed into this repository; if it is missing or cannot run here, the one that runs this script. */
async function findNode() {
  const own = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  // There is no version if the program is for another C library (Alpine), or the file system forbids programs (noexec).
  const version = () => spawnSync(own, ["--version"], { encoding: "utf8" }).stdout?.trim();
  if (isAtLeast(version(), TO_RUN)) return own;
  if (isAtLeast(process.version, TO_RUN)) return process.execPath;
  if (!existsSync(own)) {
    // With ignore-scripts=true this package is empty. Its install script only brings the program that would run anyway.
    console.log(
      `Installing Node (npm rebuild node): ${TO_RUN.join(".")} or later is needed, but this is ${process.version} ...`,
    );
    await whileOthersWait(async () => {
      if (existsSync(own)) return;
      await npm("rebuild", "node", "--ignore-scripts=false", "--no-audit", "--no-fund", "--loglevel=error");
    });
    if (isAtLeast(version(), TO_RUN)) return own;
  }
  return fail(
    `Node ${TO_RUN.join(".")} or later is needed, but this is ${process.version}. The one of the "node" package ` +
      `${existsSync(own) ? "cannot run here" : "is missing"} (${own}). Install Node 24: https://nodejs.org`,
  );
}

/** @param version as "v24.1.0", undefined for none */
function isAtLeast(version = "v0.0.0", [major, minor]) {
  const [found, foundMinor] = version.replace("v", "").split(".").map(Number);
  return found > major || (found === major && foundMinor >= minor);
}

/** Runs a program to its end. The exit code is 128 + n if signal n ended it, as in a shell. */
function run(command, args, options) {
  return new Promise((resolve) => {
    child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    child.on("error", (error) => fail(`${command} could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      child = undefined;
      const ended = asked ?? signal;
      resolve(ended === null ? code : 128 + constants.signals[ended]);
    });
  });
}

function passOnRequestsToEnd() {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      asked = signal;
      if (child === undefined) process.exit(128 + constants.signals[signal]);
      // On Windows every process gets a Ctrl-C from the terminal, and child.kill() ends the child at once.
      if (process.platform !== "win32") child.kill(signal);
    });
  }
  // npm passes a request to end to the shell between it and this process. That shell ends and does not pass it on.
  const shell = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === shell) return;
    clearInterval(watch);
    if (child === undefined) process.exit(128 + constants.signals.SIGTERM);
    child.kill("SIGTERM");
  }, 50);
  watch.unref();
}

function fail(message, exitCode = 1) {
  console.error(message);
  process.exit(exitCode);
}
