/**
 * Stages the function apps: `dist/<app>` with one bundled file, its source map, `host.json` and a minimal
 * `package.json` - a folder that `func start` and a zip deployment take as it is.
 *
 *   npm run build [-- <app> ...]
 */
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build, type Plugin } from "esbuild";
import { command, UsageError } from "./command-line.ts";

const root = import.meta.dirname;

/** The apps of this repository: a further service adds its folder's name. */
export const apps = ["caller-func", "callee-func"] as const;

/**
 * Builds one app into a folder, `dist/<app>` by default, and returns that folder.
 *
 * @param plugins change the bundle: the proof takes the guard out, to show what holds without it
 */
export async function stage(app: string, folder = join(root, "dist", app), plugins: Plugin[] = []): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await build({
    entryPoints: [join(root, app, "src", "main.ts")],
    outfile: join(folder, "main.js"),
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    // The Functions worker provides this module at run time; it is on no registry.
    external: ["@azure/functions-core"],
    plugins,
    // Less to read and compile at a cold start. Identifiers stay: stack traces name what the source names.
    minifyWhitespace: true,
    minifySyntax: true,
    sourcemap: true,
    sourcesContent: true,
    logLevel: "warning",
  });
  await copyFile(join(root, "host.json"), join(folder, "host.json"));
  const manifest = { name: app, version: "0.1.0", private: true, main: "main.js", engines: { node: ">=22" } };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return folder;
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
