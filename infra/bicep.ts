import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { environmentFor } from "../tools/environment.mjs";
import { writeFileSync } from "../tools/write-file.ts";

/** The one version whose snapshots are committed: another may evaluate or lint differently. */
export const BICEP_VERSION = "0.49.2";

/**
 * azd brings a compiler of its own, and takes any from 0.45.15 on (azd 1.31.2, cli/azd/pkg/tools/bicep/bicep.go). This is
 * the oldest that the templates have been compiled with.
 */
export const OLDER_BICEP_VERSION = "0.47.16";

/**
 * The SHA-512 of the package files that are taken from NuGet, by platform and version, as NuGet writes it (.nupkg.sha512). They
 * are those that `dotnet nuget verify` finds signed by Microsoft and by nuget.org. None is taken for another platform.
 */
const PACKAGES: Readonly<Record<string, string>> = {
  "linux-x64 0.49.2": "kBnX0iG9wd/PWdCTwFfUvm6Jemn+5L7sY7b7HQi5k+LLwdFmrbw4y5RTLFxewCFMdBqUThiOILMa7sgzklPEAQ==",
  "linux-x64 0.47.16": "ul338EVCVzslaI6EdYWPhk5XYxSYrBt6LG26jNNGxESY20ny9UBs12VVCDAM0NgxB3BpK/4Gkh95HCtnogLcZQ==",
};

/** The compiler loads packages and extensions. No value of an azd environment: what it evaluates must not depend on the shell. */
const KINDS = ["internet", "dotnet", "az"] as const;

/** A Bicep compiler of the pinned version. */
export interface Bicep {
  /** Where it was found, for a person. */
  readonly source: string;
  /** The program, and the arguments that come before all others. */
  readonly command: readonly string[];
  /** Runs it in a folder. Its own exit code is no verdict: build and lint exit 0 on warnings. */
  run(args: readonly string[], folder: string, environment?: Readonly<Record<string, string>>): Run;
}

export interface Run {
  readonly exitCode: number;
  readonly stdout: string;
  /** Where all diagnostics go. */
  readonly stderr: string;
}

/** There is no compiler of the pinned version; the message says how to get it. */
export class NoBicepError extends Error {
  override readonly name = "NoBicepError";
}

/**
 * Finds a compiler of the pinned version: `bicep` on the PATH, `az bicep`, or the package that Microsoft publishes on
 * NuGet, restored through `dotnet` into a folder of this repository. What is installed already is taken as it is; of a package
 * the hash must be the pinned one.
 *
 * @throws NoBicepError with what was tried
 * @throws Error where a package is another than the pinned one
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
      `az bicep ${inAzureCli.version ?? "none"}, NuGet package ${restored.version ?? "none (this takes the .NET SDK, on Linux x64)"}.\n` +
      `Get it by one of:\n` +
      `  az bicep install --version v${BICEP_VERSION}\n` +
      `  https://learn.microsoft.com/azure/azure-resource-manager/bicep/install (version ${BICEP_VERSION})\n` +
      `  the .NET SDK (https://dotnet.microsoft.com/download); then run this again`,
  );
}

/**
 * @returns the older compiler, from NuGet; undefined where it could not be had
 * @throws Error where its package is another than the pinned one
 */
export function findOlderBicep(): Bicep | undefined {
  const restored = compiler("NuGet package", restoreFromNuGet(OLDER_BICEP_VERSION));
  return restored.version === OLDER_BICEP_VERSION ? restored : undefined;
}

/** The compiler that `npm run infra:check` has found, in the tests that it runs; undefined in all others. */
export function bicepOfCheck(): Bicep | undefined {
  const { INFRA_BICEP } = process.env;
  if (INFRA_BICEP === undefined) return undefined;
  const [command = "", ...firstArgs] = JSON.parse(INFRA_BICEP) as string[];
  return compiler("infra:check", command, firstArgs);
}

/** What Node gives back. Where there is no such program there is no output at all, whatever its types say. */
interface Spawned {
  readonly status: number | null;
  readonly stdout: string | null;
  readonly stderr: string | null;
}

interface Candidate extends Bicep {
  /** Undefined where there is no compiler. */
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
 * Restores the compiler's package, unless it is there.
 *
 * @returns the compiler's path; empty where it could not be had
 * @throws Error where the package's hash is not the pinned one, also of one that was there before
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
    `${file} is not the package that is pinned: its SHA-512 is ${found}, and must be ${pinned} (infra/bicep.ts).\n` +
      `Delete ${restored} and run this again. Where it stays so, the package source gives another package than nuget.org.`,
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

// For the workflow that packs it: the path of the pinned compiler.
if (process.argv[1] === import.meta.filename) {
  const path = restoreFromNuGet(BICEP_VERSION);
  if (path === "")
    throw new NoBicepError(`NuGet did not give Bicep ${BICEP_VERSION}: this takes the .NET SDK, on Linux x64.`);
  console.log(path);
}
