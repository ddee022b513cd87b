/**
 * Runs a script of this repository: `node local/run.mjs <script> [argument ...]`.
 *
 * Installs the dependencies first where they are missing or older than the lock file, among them the Node that the
 * scripts need; then runs the script under that Node. Built-ins only, and nothing newer than Node 20: this is the one
 * file that runs before anything is installed.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, dirname, join } from "node:path";

const root = dirname(import.meta.dirname);

/** The first Node that runs TypeScript files as they are. */
const NEEDED = [22, 18];

const [script, ...args] = process.argv.slice(2);
if (script === undefined) fail("Usage: node local/run.mjs <script> [argument ...]");
installIfNeeded();
run(findNode(), script, args);

function installIfNeeded() {
  const lockFile = join(root, "package-lock.json");
  // npm writes this file last, so an interrupted installation is begun again.
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lockFile).mtimeMs) return;
  console.log("Installing dependencies (npm ci) ...");
  // npm tells its scripts where it is; without npm around, there is one on the PATH.
  const npm = process.env.npm_execpath;
  const options = { cwd: root, stdio: "inherit" };
  const { status } = npm?.endsWith(".js")
    ? spawnSync(process.execPath, [npm, "ci", "--no-audit", "--no-fund"], options)
    : spawnSync("npm ci --no-audit --no-fund", { ...options, shell: true });
  if (status !== 0) fail("The dependencies could not be installed: see npm's message above.");
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

function run(node, script, args) {
  const PATH = [join(root, "node_modules", ".bin"), dirname(node), process.env.PATH].join(delimiter);
  const child = spawn(node, [script, ...args], { cwd: root, stdio: "inherit", env: { ...process.env, PATH } });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  // npm passes a request to end on to the shell between it and this process, which ends and tells nobody.
  const shell = process.ppid;
  const watch = setInterval(() => process.ppid === shell || (clearInterval(watch), child.kill("SIGTERM")), 500);
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
