/**
 * Checks the templates with the real compiler, without Azure: `npm run infra:check [-- --update]`.
 */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { command, reasonOf } from "../tools/command-line.ts";
import { environmentFor } from "../tools/environment.mjs";
import { type Bicep, BICEP_VERSION, findBicep, findOlderBicep, NoBicepError, OLDER_BICEP_VERSION } from "./bicep.ts";
import { evaluate, scratchCopy } from "./evaluate.ts";
import { snapshotFile, snapshotNames } from "./snapshot.ts";
import { requireWritable, writeFileSync } from "../tools/write-file.ts";

const USAGE = `Usage: npm run infra:check [-- --update]

Checks the Bicep templates with the compiler, version ${BICEP_VERSION}, without Azure.

There is no diagnostic, all is formatted, the snapshots are as committed, and every invariant is kept. An older compiler
(${OLDER_BICEP_VERSION}) takes the templates as well, where NuGet gives it.

  --update   write the snapshots and the formatting instead of comparing them
  --help     show this text

Exit code 0: all is well. 1: something is wrong, and said. 2: nothing was checked, and why: no compiler, or wrong arguments.
`;

const folder = import.meta.dirname;

/** What azd would put into the environment. */
const AZD_ENVIRONMENT = { AZURE_ENV_NAME: "check", AZURE_LOCATION: "westeurope" };

/** Each returns what is wrong, in lines for a person. */
type Step = readonly [name: string, step: (bicep: Bicep, update: boolean) => string[]];

const steps: readonly Step[] = [
  ["no diagnostic in any template or parameter file", diagnostics],
  ["formatted", formatting],
  ["the snapshots are what the templates evaluate to", snapshots],
  ["every invariant is kept, and broken ones are seen", tests],
];

/** Warnings are the pinned compiler's to give: here an error counts, and nothing else. */
function compiling(older: Bicep): string[] {
  const { stderr, exitCode } = older.run(["build-params", "main.bicepparam", "--stdout"], folder, AZD_ENVIRONMENT);
  return exitCode === 0 ? [] : [...linesOf(stderr), `bicep ended with exit code ${exitCode}`];
}

function diagnostics(bicep: Bicep): string[] {
  const runs = [
    ["lint", "--pattern", "**/*.bicep"],
    ["lint", "--pattern", "**/*.bicepparam"],
    ["build", "main.bicep", "--stdout"],
    ["build-params", "main.bicepparam", "--stdout"],
  ].map((args) => bicep.run(args, folder, AZD_ENVIRONMENT));
  const lines = runs.flatMap(({ stderr, exitCode }) => {
    const printed = linesOf(stderr);
    return printed.length > 0 || exitCode === 0 ? printed : [`bicep ended with exit code ${exitCode}`];
  });
  return [...new Set(lines)];
}

function linesOf(text: string): string[] {
  return text.split(/\r?\n/).filter((line) => line.trim() !== "");
}

function formatting(bicep: Bicep, update: boolean): string[] {
  const scratch = scratchCopy();
  try {
    for (const pattern of ["**/*.bicep", "**/*.bicepparam"]) bicep.run(["format", "--pattern", pattern], scratch.infra);
    return globSync(["**/*.bicep", "**/*.bicepparam"], { cwd: folder }).flatMap((file) => {
      const [asIs, formatted] = [folder, scratch.infra].map((where) => readText(join(where, file)));
      if (formatted === asIs) return [];
      if (!update) return [`infra/${file} is not formatted`];
      writeFileSync(join(folder, file), formatted ?? "");
      return [];
    });
  } finally {
    scratch.remove();
  }
}

function snapshots(bicep: Bicep, update: boolean): string[] {
  const scratch = scratchCopy();
  try {
    return snapshotNames.flatMap((name) => {
      const snapshot = evaluate(bicep, scratch, name);
      const path = snapshotFile(name);
      if (update) writeFileSync(path, snapshot);
      const committed = readText(path);
      return committed === snapshot
        ? []
        : [`infra/snapshots/${name}.snapshot.json: ${firstDifference(committed, snapshot)}`];
    });
  } catch (error) {
    return [reasonOf(error)];
  } finally {
    scratch.remove();
  }
}

function readText(path: string): string {
  return readFileSync(path, "utf8").replaceAll("\r\n", "\n");
}

function firstDifference(committed: string, evaluated: string): string {
  const [before, after] = [committed.split("\n"), evaluated.split("\n")];
  const line = after.findIndex((text, i) => text !== before[i]);
  return `line ${line + 1} is ${before[line]?.trim() ?? "missing"}, and evaluates to ${after[line]?.trim() ?? "nothing"}`;
}

function tests(bicep: Bicep): string[] {
  const vitest = join(folder, "..", "node_modules", "vitest", "vitest.mjs");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [vitest, "run", "infra/", "local/test/docs-make-it-yours-templates"],
    {
      cwd: join(folder, ".."),
      encoding: "utf8",
      env: {
        ...environmentFor("terminal", "internet", "dotnet", "az"),
        INFRA_BICEP: JSON.stringify(bicep.command),
        NO_COLOR: "1",
      },
    },
  );
  return status === 0 ? [] : `${stdout}${stderr}`.split("\n").filter((line) => line.trim() !== "");
}

/** The compiler loads the Graph extension into its cache by itself, where it can reach the registry. */
function cannotLoadExtension(lines: readonly string[]): boolean {
  return lines.some((line) => /BCP(190|192)/.test(line));
}

const NO_EXTENSION = `The Microsoft Graph extension that infra/bicepconfig.json names is not in Bicep's cache, and the registry cannot be reached.
Nothing that depends on it was checked: no template (main.bicep includes it), no snapshot.
Run "bicep restore infra/main.bicep" where the registry can be reached, and bring the folder .bicep of the home folder here.`;

/** @returns the exit code */
function check(update: boolean): number {
  const bicep = findBicep();
  console.log(`Bicep ${BICEP_VERSION} (${bicep.source})`);
  const older = findOlderBicep();
  if (older === undefined) console.log(`left out: Bicep ${OLDER_BICEP_VERSION}, which NuGet did not give`);
  let exitCode = 0;
  const compiles: Step[] =
    older === undefined ? [] : [[`Bicep ${OLDER_BICEP_VERSION} compiles the templates`, () => compiling(older)]];
  for (const [name, step] of [...compiles, ...steps]) {
    const wrong = step(bicep, update);
    if (cannotLoadExtension(wrong)) {
      console.error(`not checked: ${name}\n${NO_EXTENSION}`);
      return 2;
    }
    if (wrong.length === 0) console.log(`ok: ${name}`);
    else {
      console.error(`WRONG: ${name}\n${wrong.map((line) => `  ${line}`).join("\n")}`);
      exitCode = 1;
    }
  }
  if (exitCode !== 0 && !update)
    console.error(`"npm run infra:check -- --update" writes snapshots and formatting anew.`);
  return exitCode;
}

await command(USAGE, { options: { update: { type: "boolean", default: false } } }, async ({ values }) => {
  if (values.update) await requireWritable(folder);
  try {
    return check(values.update);
  } catch (error) {
    if (!(error instanceof NoBicepError)) throw error;
    console.error(error.message);
    return 2;
  }
});
