/**
 * Packages the services in azd's order and with its parallelism, without azd and Azure: `npm run azd:check`.
 *
 * The steps of azd 1.31.2, from its source (github.com/Azure/azure-dev, cli/azd):
 * - `azd up`, internal/cmd/up_graph.go: the hook `prepackage` alone; then `preprovision`, the infrastructure, `postprovision`
 *   and `predeploy`, one after the other, next to the packaging of all services at once.
 * - `azd deploy`, cmd/middleware/hooks.go and internal/cmd/service_graph.go: the hook `predeploy` alone; then all services.
 * - A service, pkg/project/service_manager.go: its hook `prepackage`, in its folder. Where its language is Node, also
 *   `npm install` before (pkg/tools/node/node.go: always, because its folder has no lock file) and `npm run build` after.
 * - `dist`, pkg/project/framework_service_*.go: relative to the service's folder, and for `language: custom` to azd's.
 */
import { spawn } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { command } from "../tools/command-line.ts";
import { temporaryFolder } from "../tools/write-file.ts";

const USAGE = `Usage: npm run azd:check

Runs the commands of azure.yaml in the order and with the parallelism of azd up and azd deploy: each three times in a
fresh clone and three times in an installed one. Needs no azd and no Azure. Takes a few minutes.

  --help   show this text

Exit code 0: every run packages every service and installs the dependencies once. 1: one does not; its lines say why.
`;

const ROUNDS = 3;

interface Hook {
  readonly posix: { readonly run: string };
}

interface Service {
  readonly project: string;
  readonly language: string;
  readonly dist: string;
  readonly hooks?: Readonly<Record<string, Hook>>;
}

interface Project {
  readonly services: Readonly<Record<string, Service>>;
  readonly hooks: Readonly<Record<string, Hook>>;
}

const root = join(import.meta.dirname, "..");
const { services, hooks } = parse(readFileSync(join(root, "azure.yaml"), "utf8")) as Project;

/** The least that azd's environment has. npm takes from its cache what it has. */
const AZD_ENVIRONMENT = {
  AZURE_ENV_NAME: "check",
  AZURE_LOCATION: "westeurope",
  RESTRICTED_DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32",
  RESTRICTED_ENTRA_PERMISSIONS_CHECK: "off",
  npm_config_prefer_offline: "true",
};

/** Folders that commands create. They are not part of a clone. */
const CREATED_HERE = ["node_modules", ".git", ".local", ".azure", "dist"];

const commands = {
  async up(clone: Clone) {
    await clone.hook("prepackage");
    const provision = async (): Promise<void> => {
      for (const name of ["preprovision", "postprovision", "predeploy"]) await clone.hook(name);
    };
    await all([provision(), ...Object.keys(services).map((service) => clone.package(service))]);
  },
  async deploy(clone: Clone) {
    await clone.hook("predeploy");
    await all(Object.keys(services).map((service) => clone.package(service)));
  },
};

/** A copy of this repository, and the output of its commands. */
class Clone {
  readonly folder = temporaryFolder("azd-check-").folder;
  output = "";

  constructor() {
    const isSource = (path: string): boolean => path === root || !CREATED_HERE.includes(basename(path));
    cpSync(root, this.folder, { recursive: true, filter: isSource });
  }

  /** Removes what was built, and in a fresh clone what was installed. */
  async reset(isFresh: boolean): Promise<void> {
    this.output = "";
    for (const folder of ["dist", ".local"]) this.remove(folder);
    if (isFresh) this.remove("node_modules");
    else await this.run("node tools/run.mjs tools/build.ts --help", ".");
    this.output = "";
  }

  async hook(name: string): Promise<void> {
    const hook = hooks[name];
    if (hook !== undefined) await this.run(hook.posix.run, ".");
  }

  async package(name: string): Promise<void> {
    const { project, language, dist, hooks: own } = services[name] ?? fail(`There is no service ${name}.`);
    const isNode = ["ts", "js"].includes(language);
    if (!isNode && language !== "custom")
      fail(`${name}: this check does not know azd's steps for language ${language}.`);
    if (isNode) await this.run("npm install --no-audit --no-fund --prefer-offline", project);
    if (own?.["prepackage"] !== undefined) await this.run(own["prepackage"].posix.run, project);
    if (isNode) await this.run("npm run build --if-present", project);
    const folder = isNode ? join(this.folder, project, dist) : join(this.folder, dist);
    if (!existsSync(folder) || readdirSync(folder).length === 0) fail(`${name}: ${dist} is empty or missing.`);
  }

  private remove(path: string): void {
    rmSync(join(this.folder, path), { recursive: true, force: true, maxRetries: 5 });
  }

  /** Runs an inline script as azd does: pkg/tools/bash/bash.go. */
  private run(script: string, folder: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const child = spawn("sh", ["-e", "-c", script], {
        cwd: join(this.folder, folder),
        env: { ...process.env, ...AZD_ENVIRONMENT },
        stdio: ["ignore", "pipe", "pipe"],
      });
      let output = "";
      for (const stream of [child.stdout, child.stderr])
        stream.on("data", (chunk: Buffer) => (output += String(chunk)));
      child.on("error", reject);
      child.on("close", (code) => {
        this.output += output;
        if (code === 0) resolve();
        else reject(new Error(`"${script}" in ${folder} ended with ${code ?? "a signal"}:\n${lastLines(output)}`));
      });
    });
  }
}

/** Waits for all steps. @throws Error with every failure */
async function all(steps: readonly Promise<void>[]): Promise<void> {
  const wrong = (await Promise.allSettled(steps)).flatMap((step) =>
    step.status === "rejected" ? [step.reason instanceof Error ? step.reason.message : String(step.reason)] : [],
  );
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
}

/** @returns the failure; undefined if there is none */
async function check(clone: Clone, name: keyof typeof commands, isFresh: boolean): Promise<string | undefined> {
  try {
    await clone.reset(isFresh);
    await commands[name](clone);
    const installations = clone.output.split("Installing dependencies").length - 1;
    const expected = isFresh ? 1 : 0;
    if (installations === expected) return undefined;
    return `The dependencies were installed ${installations} times instead of ${expected}.`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function lastLines(text: string): string {
  return text.trimEnd().split("\n").slice(-12).join("\n");
}

function fail(message: string): never {
  throw new Error(message);
}

await command(USAGE, {}, async () => {
  const clone = new Clone();
  let failed = 0;
  // The fresh runs come first: they leave an installed clone.
  for (const isFresh of [true, false]) {
    for (const name of ["up", "deploy"] as const) {
      for (let round = 1; round <= ROUNDS; round++) {
        const start = Date.now();
        const failure = await check(clone, name, isFresh);
        const seconds = Math.round((Date.now() - start) / 1000);
        const what = `azd ${name}, ${isFresh ? "fresh" : "installed"} clone, ${round} of ${ROUNDS} (${seconds} s)`;
        console.log(
          `${failure === undefined ? "ok    " : "FAILED"}  ${what}${failure === undefined ? "" : `\n${failure}`}`,
        );
        if (failure !== undefined) failed++;
      }
    }
  }
  console.log(failed === 0 ? "Every run packages every service." : `${failed} runs failed.`);
  return failed === 0 ? 0 : 1;
});
