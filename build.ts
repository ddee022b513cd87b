/**
 * Stages the function apps: `dist/<app>` with one bundled file, its source map, `host.json` and a minimal
 * `package.json` - a folder that `func start` and a zip deployment take as it is.
 *
 *   npm run build [-- <app> ...]
 */
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type BuildOptions, context, type Plugin } from "esbuild";
import { command, UsageError } from "./command-line.ts";
import { accessPolicy, type ServiceName } from "./shared/access-policy.ts";

const root = import.meta.dirname;

/** The apps of this repository: the services of the access policy, each with its code in the folder of its name. */
export const apps = Object.keys(accessPolicy.services) as ServiceName[];

/** The section of a staged local.settings.json that says a start has written it, not a user: a build may delete that one. */
export const STAGED_BY = "StagedBy";

/**
 * Builds one app into a folder, `dist/<app>` by default, and returns that folder.
 *
 * @param plugins change the bundle: the proof takes the guard out, to show what holds without it
 * @throws Error where the folder holds a local.settings.json of the user's: everything in it would be deleted
 */
export async function stage(app: string, folder = join(root, "dist", app), plugins: Plugin[] = []): Promise<string> {
  await requireNothingOfTheUsers(app, folder);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({ ...bundle(app, folder, root), plugins });
  await copyFile(join(root, "host.json"), join(folder, "host.json"));
  const manifest = { name: app, version: "0.1.0", private: true, main: "main.js", engines: { node: ">=22" } };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return folder;
}

/**
 * Watches the sources of a staged app, and builds it anew when one of them changes. What is wrong with them is printed, and
 * the staged bundle stays.
 *
 * @param onBuilt is called after each build: the bundle is as it was, or another one is staged, or the build failed
 * @param sources the folder that holds the apps' sources; this repository by default
 * @returns ends the watch
 */
export async function watch(
  app: string,
  folder: string,
  onBuilt: (outcome: "same" | "changed" | "failed") => void,
  sources = root,
): Promise<() => Promise<void>> {
  const file = join(folder, "main.js");
  const report: Plugin = {
    name: "report",
    setup(started) {
      started.onEnd(async ({ errors, outputFiles = [] }) => {
        const bundled = outputFiles.find(({ path }) => path.endsWith(".js"));
        if (errors.length > 0 || bundled === undefined) {
          onBuilt("failed");
          return;
        }
        const isSame = bundled.text === (await readFile(file, "utf8"));
        for (const { path, contents } of outputFiles) await writeFile(path, contents);
        onBuilt(isSame ? "same" : "changed");
      });
    },
  };
  const watched = await context({ ...bundle(app, folder, sources), plugins: [report], write: false });
  await watched.watch();
  return () => watched.dispose();
}

function bundle(app: string, folder: string, sources: string): BuildOptions {
  return {
    entryPoints: [join(sources, app, "src", "main.ts")],
    outfile: join(folder, "main.js"),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    // The Functions worker provides this module at run time; it is on no registry.
    external: ["@azure/functions-core"],
    // Less to read and compile at a cold start. Identifiers stay: stack traces name what the source names.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: true,
    logLevel: "warning",
  };
}

async function requireNothingOfTheUsers(app: string, folder: string): Promise<void> {
  const file = join(folder, "local.settings.json");
  const text = await readFile(file, "utf8").catch(() => `"${STAGED_BY}"`);
  if (!text.includes(`"${STAGED_BY}"`)) {
    throw new Error(`${file} is yours, and a build would delete it: move it to ${app}/local.settings.json.`);
  }
}

const USAGE = `Usage: npm run build [-- <app> ...]

Stages the apps in dist/<app>, each or those that are named: ${apps.join(", ")}.

  --help   show this text`;

if (process.argv[1] === import.meta.filename) {
  await command(USAGE, { allowPositionals: true }, async ({ positionals }) => {
    const unknown = positionals.filter((name) => !apps.some((app) => app === name));
    if (unknown.length > 0)
      throw new UsageError(`There is no app ${unknown.join(", ")}. The apps are: ${apps.join(", ")}.`);
    for (const app of positionals.length > 0 ? positionals : apps) console.log(`Staged ${app} in ${await stage(app)}`);
    return 0;
  });
}
