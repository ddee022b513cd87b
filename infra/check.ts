/** Checks the templates with the Bicep compiler, without Azure: `npm run infra:check [-- --update]`. */
import { spawnSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { command, reasonOf } from "../tools/command-line.ts";
import { environmentFor } from "../tools/environment.mjs";
import { accessPolicy } from "../tools/access-policy.ts";
import { endedGrants } from "../tools/grants.ts";
import { type Bicep, BICEP_VERSION, findBicep, findOlderBicep, NoBicepError, OLDER_BICEP_VERSION } from "./bicep.ts";
import { evaluate, type Scratch, scratchCopy } from "./evaluate.ts";
import { readerSnapshot, snapshotNames } from "./snapshot.ts";
import { requireWritable, writeFileSync } from "../tools/write-file.ts";

const USAGE = `Usage: npm run infra:check [-- --update]

Checks the Bicep templates with the compiler, version ${BICEP_VERSION}, without Azure.

The compiler reports no diagnostic, every file is formatted, the templates evaluate to the committed snapshots, and the
snapshots keep every invariant. No grant of the access policy has ended. An older compiler (${OLDER_BICEP_VERSION}), if NuGet has it, compiles the templates as well.

  --update   write the snapshots and the formatting instead of comparing them
  --help     show this text

Exit code 0: every check passed. 1: a check failed; its lines say why. 2: nothing was checked: no compiler, or wrong arguments.
`;

const folder = import.meta.dirname;

/** Variables that azd sets. */
const AZD_ENVIRONMENT = { AZURE_ENV_NAME: "check", AZURE_LOCATION: "westeurope" };

/** Returns the failures, one per line. */
type Step = readonly [name: string, step: (bicep: Bicep, update: boolean) => string[]];

const steps: readonly Step[] = [
  ["no grant of the access policy has ended", () => endedGrants(accessPolicy, new Date())],
  ["no diagnostic in any template or parameter file", diagnostics],
  ["formatted", formatting],
  ["the templates evaluate to the committed snapshots", snapshots],
  ["the same for the example of the tests", snapshotsOfExample],
  ["the same for the identity of the nightly verification", snapshotOfReader],
  ["the same for the probe of the deployed proof", snapshotOfProbe],
  ["the snapshots keep every invariant, and the tests detect broken ones", tests],
];

/** Only errors of the older compiler count. The pinned compiler reports the warnings. */
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
      const [current, formatted] = [folder, scratch.infra].map((where) => readText(join(where, file)));
      if (formatted === current) return [];
      if (!update) return [`infra/${file} is not formatted`];
      writeFileSync(join(folder, file), formatted ?? "");
      return [];
    });
  } finally {
    scratch.remove();
  }
}

function snapshots(bicep: Bicep, update: boolean): string[] {
  return compared(bicep, update, scratchCopy(), "infra/snapshots");
}

/** The system that tests of the proof speak of. */
function snapshotsOfExample(bicep: Bicep, update: boolean): string[] {
  const example = "tools/testing/example";
  return compared(bicep, update, scratchCopy(join(folder, "..", example)), `${example}/snapshots`);
}

function snapshotOfReader(bicep: Bicep, update: boolean): string[] {
  const { name, resourceGroup } = readerSnapshot;
  return compared(bicep, update, scratchCopy(), "infra/snapshots", [name], resourceGroup);
}

/** A template that `npm run verify -- --deployed --probe` creates resources from. It is no part of the deployment. */
function snapshotOfProbe(bicep: Bicep, update: boolean): string[] {
  return compared(bicep, update, scratchCopy(), "infra/snapshots", ["probe"], "snapshot");
}

/**
 * @param committed the folder of the snapshots, from the root of the repository
 * @param resourceGroup for a template whose scope is a resource group
 */
function compared(
  bicep: Bicep,
  update: boolean,
  scratch: Scratch,
  committed: string,
  names: readonly string[] = snapshotNames,
  resourceGroup?: string,
): string[] {
  try {
    return names.flatMap((name) => {
      const snapshot = evaluate(bicep, scratch, name, resourceGroup);
      const file = `${committed}/${name}.snapshot.json`;
      const path = join(folder, "..", file);
      if (update) writeFileSync(path, snapshot);
      const before = readText(path);
      return before === snapshot ? [] : [`${file}: ${firstDifference(before, snapshot)}`];
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
  return `line ${line + 1}: committed ${before[line]?.trim() ?? "nothing"}, evaluated ${after[line]?.trim() ?? "nothing"}`;
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

/** If the registry can be reached, the compiler loads the Graph extension into its cache by itself. */
function cannotLoadExtension(lines: readonly string[]): boolean {
  return lines.some((line) => /BCP(190|192)/.test(line));
}

const NO_EXTENSION = `The Microsoft Graph extension of infra/bicepconfig.json is not in Bicep's cache, and its registry cannot be reached.
All templates and snapshots depend on it, so none was checked.
Run "bicep restore infra/main.bicep" on a machine that reaches the registry, and copy the folder .bicep of its home folder.`;

/** @returns the exit code */
function check(update: boolean): number {
  const bicep = findBicep();
  console.log(`Bicep ${BICEP_VERSION} (${bicep.source})`);
  const older = findOlderBicep();
  if (older === undefined) console.log(`left out: Bicep ${OLDER_BICEP_VERSION} could not be restored from NuGet`);
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
    console.error(`"npm run infra:check -- --update" writes the snapshots and the formatting.`);
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
