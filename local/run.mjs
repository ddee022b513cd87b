/**
 * Runs a script of this repository: `node local/run.mjs <script> [argument ...]`.
 *
 * Installs the dependencies first where they are not those of the lock file, among them the Node that the scripts need;
 * then runs the script under that Node. Built-ins only, and nothing newer than Node 20: this file, and the one that it
 * imports, run before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { environmentFor } from "../environment.mjs";

const root = dirname(import.meta.dirname);

/** The first Node that runs TypeScript files as they are. */
const NEEDED = [22, 18];

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail("Usage: node local/run.mjs <script> [argument ...]", 2);

/** What is running now: gets each request to end. */
let child;
/** The last such request: it decides the exit code. */
let asked;
passOnRequestsToEnd();
if (!isInstalled()) await install();
const node = findNode();
const PATH = [join(root, "node_modules", ".bin"), dirname(node), process.env.PATH].join(delimiter);
// Vitest takes every output for a terminal unless it is told.
const colours = process.stdout.isTTY || "FORCE_COLOR" in process.env ? {} : { NO_COLOR: "1" };
// The scripts of these folders speak with Azure, or are azd's hooks.
const further = /^(infra|verify)\//.test(script) ? ["azure"] : ["az"];
const environment = environmentFor("command", "terminal", "internet", "dotnet", ...further);
process.exit(await run(node, [script, ...args], { env: { ...environment, ...colours, PATH } }));

/**
 * Compares what npm has installed with the lock file, package by package. What the installation lacks must be optional:
 * it is for another platform, or did not install.
 */
function isInstalled() {
  // npm writes this file last, so an interrupted installation is begun again.
  const installedFile = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(installedFile)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, "utf8")).packages ?? {};
  const installed = packagesOf(installedFile);
  const wanted = packagesOf(join(root, "package-lock.json"));
  delete wanted[""]; // The repository itself.
  const isThere = ([path, { version, integrity, resolved, link, optional }]) => {
    const found = installed[path];
    if (found === undefined) return optional === true;
    return found.version === version && found.integrity === integrity && (!link || found.resolved === resolved);
  };
  return Object.keys(installed).every((path) => path in wanted) && Object.entries(wanted).every(isThere);
}

async function install() {
  console.log("Installing dependencies (npm ci) ...");
  // Its warnings are about the Node that npm runs under, which the scripts do not.
  const npmCi = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  // npm tells its scripts where it is; without npm around, there is one on the PATH.
  const npm = process.env.npm_execpath;
  const exitCode = npm?.endsWith(".js")
    ? await run(process.execPath, [npm, ...npmCi])
    : await run(["npm", ...npmCi].join(" "), [], { shell: true });
  if (asked !== undefined) process.exit(exitCode);
  if (exitCode !== 0) fail("The dependencies could not be installed: see npm's message above.");
}

/** The Node that npm installed into this repository, or else the one on the PATH. */
function findNode() {
  const own = join(root, "node_modules", "node", "bin", process.platform === "win32" ? "node.exe" : "node");
  const node = existsSync(own) ? own : "node";
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim() ?? "none";
  const [major, minor] = version.replace("v", "").split(".").map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return node;
  return fail(
    `Node ${NEEDED.join(".")} or later is needed, and this is ${version}. npm did not run the install script of the ` +
      `"node" package, which brings it: run "npm rebuild node", or install Node 24.`,
  );
}

/** Runs to its end; the exit code is 128 + n where signal n has asked for it, as a shell has it. */
function run(command, args, options) {
  return new Promise((resolve) => {
    child = spawn(command, args, { cwd: root, stdio: "inherit", ...options });
    child.on("error", (error) => fail(`${command} could not be started: ${error.message}`));
    child.on("exit", (code, signal) => {
      const ended = asked ?? signal;
      resolve(ended === null ? code : 128 + constants.signals[ended]);
    });
  });
}

function passOnRequestsToEnd() {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      asked = signal;
      // On Windows the terminal tells every process of a Ctrl-C by itself, and a signal that is sent kills at once.
      if (process.platform !== "win32") child?.kill(signal);
    });
  }
  // npm passes a request to end on to the shell between it and this process, which ends and tells nobody.
  const shell = process.ppid;
  const watch = setInterval(() => process.ppid === shell || (clearInterval(watch), child?.kill("SIGTERM")), 500);
  watch.unref();
}

function fail(message, exitCode = 1) {
  console.error(message);
  process.exit(exitCode);
}
