/** Finds the Bicep compiler of the pinned version, or restores it from NuGet, and runs it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environmentFor } from "../tools/environment.mjs";
import { writeFileSync } from "../tools/write-file.ts";

/** The version that the committed snapshots were made with. Another version may evaluate or lint differently. */
export const BICEP_VERSION = "0.49.2";

/**
 * azd has its own compiler and accepts any from 0.45.15 on (azd 1.31.2, cli/azd/pkg/tools/bicep/bicep.go). This is the
 * oldest version that the templates were compiled with.
 */
export const OLDER_BICEP_VERSION = "0.47.16";

/**
 * The SHA-512 of the NuGet packages, by platform and version, as NuGet writes it (.nupkg.sha512). `dotnet nuget verify` finds
 * these packages signed by Microsoft and by nuget.org. On other platforms, no package is restored.
 */
const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64 0.49.2": "kBnX0iG9wd/PWdCTwFfUvm6Jemn+5L7sY7b7HQi5k+LLwdFmrbw4y5RTLFxewCFMdBqUThiOILMa7sgzklPEAQ==",
  "linux-x64 0.47.16": "ul338EVCVzslaI6EdYWPhk5XYxSYrBt6LG26jNNGxESY20ny9UBs12VVCDAM0NgxB3BpK/4Gkh95HCtnogLcZQ==",
};

/** The compiler downloads packages and extensions. It gets no value of an azd environment: snapshots must not depend on the shell. */
const KINDS = ["internet", "dotnet", "az"] as const;

/** A Bicep compiler of the pinned version. */
export interface Bicep {
  /** Where it was found, for messages. */
  readonly source: string;
  /** The program, and the arguments that precede all others. */
  readonly command: readonly string[];
  /** Runs it in a folder. Its exit code is not enough: build and lint exit with 0 on warnings. */
  run(args: readonly string[], folder: string, environment?: Readonly<Record<string, string>>): Run;
}

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  /** All diagnostics. */
  readonly stderr: string;
}

/** There is no compiler of the pinned version; the message says how to get it. */
export class NoBicepError extends Error {
  override readonly name = "NoBicepError";
}

/**
 * Finds a compiler of the pinned version: `bicep` on the PATH, `az bicep`, or Microsoft's package on NuGet, which `dotnet`
 * restores into a folder of this repository. Does not check an installed compiler beyond its version. A package must have
 * the pinned hash.
 *
 * @throws NoBicepError that says what was tried
 * @throws Error if a package has another hash
 */
export function findBicep(): Bicep {
  const onPath = compiler("bicep on the PATH", "bicep");
  const inAzureCli = compiler("az bicep", "az", ["bicep"]);
  for (const find of [onPath, inAzureCli]) {
    if (find.version === BICEP_VERSION) return find;
  }
  const restored = compiler("NuGet package", restoreFromNuGet(BICEP_VERSION));
  if (restored.version === BICEP_VERSION) return restored;
  throw new NoBicepError(
    `Bicep ${BICEP_VERSION} is needed. Found: bicep on the PATH ${onPath.version ?? "none"}, ` +
      `az bicep ${inAzureCli.version ?? "none"}, NuGet package ${restored.version ?? "none (it needs the .NET SDK, on Linux x64)"}.\n` +
      `Get it by one of:\n` +
      `  az bicep install --version v${BICEP_VERSION}\n` +
      `  https://learn.microsoft.com/azure/azure-resource-manager/bicep/install (version ${BICEP_VERSION})\n` +
      `  the .NET SDK (https://dotnet.microsoft.com/download); then run this again`,
  );
}

/**
 * @returns the older compiler, from NuGet; undefined if it could not be restored
 * @throws Error if its package has another hash than the pinned one
 */
export function findOlderBicep(): Bicep | undefined {
  const restored = compiler("NuGet package", restoreFromNuGet(OLDER_BICEP_VERSION));
  return restored.version === OLDER_BICEP_VERSION ? restored : undefined;
}

/** The compiler that `npm run infra:check` found, for the tests that it runs. Undefined in other test runs. */
export function bicepOfCheck(): Bicep | undefined {
  const { INFRA_BICEP } = process.env;
  if (INFRA_BICEP === undefined) return undefined;
  const [command = "", ...firstArgs] = JSON.parse(INFRA_BICEP) as string[];
  return compiler("infra:check", command, firstArgs);
}

/** The result of spawnSync. If the program does not exist, the output is null, contrary to the types of Node. */
interface Spawned {
  readonly status: number | null;
  readonly stdout: string | null;
  readonly stderr: string | null;
}

interface Candidate extends Bicep {
  /** Undefined if there is no compiler. */
  readonly version: string | undefined;
}

function compiler(source: string, command: string, firstArgs: readonly string[] = []): Candidate {
  const run: Bicep["run"] = (args, folder, environment = {}) => {
    const result: Spawned = spawnSync(command, [...firstArgs, ...args], {
      cwd: folder,
      encoding: "utf8",
      env: { ...environmentFor(...KINDS), ...environment },
      maxBuffer: 64 * 1024 * 1024,
      // az is a script on Windows, which only a shell can start.
      shell: process.platform === "win32" && command === "az",
    });
    return { exitCode: result.status ?? 1, stdout: result.stdout ?? "", stderr: result.stderr ?? "" };
  };
  const versionArgs = command === "az" ? ["version"] : ["--version"];
  const { stdout } = command === "" ? { stdout: "" } : run(versionArgs, import.meta.dirname);
  return { source, run, command: [command, ...firstArgs], version: /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1] };
}

/**
 * Restores the compiler's package, unless it was restored before.
 *
 * @returns the compiler's path; empty if the package could not be restored
 * @throws Error if the package has another hash than the pinned one, also if it was restored before
 */
export function restoreFromNuGet(
  version: string,
  platform = `${process.platform}-${process.arch}`,
  folder = join(import.meta.dirname, "..", ".local", "bicep"),
): string {
  const pinned = PACKAGES[`${platform} ${version}`];
  if (pinned === undefined) return "";
  const id = `Azure.Bicep.CommandLine.${platform}`;
  const restored = join(folder, "packages", id.toLowerCase(), version);
  const path = join(restored, "tools", "bicep");
  if (!existsSync(path)) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "restore.csproj"), restoreProject(id, version));
    spawnSync("dotnet", ["restore", "restore.csproj"], {
      cwd: folder,
      encoding: "utf8",
      env: environmentFor(...KINDS),
    });
    if (!existsSync(path)) return "";
  }
  const file = join(restored, `${id.toLowerCase()}.${version}.nupkg`);
  const found = existsSync(file) ? createHash("sha512").update(readFileSync(file)).digest("base64") : "missing";
  if (found === pinned) return path;
  throw new Error(
    `${file} is not the pinned package: its SHA-512 is ${found}, expected ${pinned} (infra/bicep.ts).\n` +
      `Delete ${restored} and run this again. If the error stays, your package source has another package than nuget.org.`,
  );
}

function restoreProject(id: string, version: string): string {
  return `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup>
    <TargetFramework>netstandard2.0</TargetFramework>
    <DisableImplicitFrameworkReferences>true</DisableImplicitFrameworkReferences>
    <RestorePackagesPath>packages</RestorePackagesPath>
  </PropertyGroup>
  <ItemGroup>
    <PackageDownload Include="${id}" Version="[${version}]" />
  </ItemGroup>
</Project>
`;
}

// For the workflow that packs the compiler: prints its path.
if (process.argv[1] === import.meta.filename) {
  const path = restoreFromNuGet(BICEP_VERSION);
  if (path === "")
    throw new NoBicepError(
      `Bicep ${BICEP_VERSION} could not be restored from NuGet: it needs the .NET SDK, on Linux x64.`,
    );
  console.log(path);
}
