/**
 * Stages the function apps: `dist/<app>` with the bundle, its source maps, `host.json`, an entry point that is named by the
 * digest of all that, and a minimal `package.json` - a folder that `func start` and a zip deployment take as it is.
 *
 *   npm run build [-- <app> ...]
 */
import { createHash } from "node:crypto";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { build, type BuildOptions, context, type Metafile, type OutputFile, type Plugin, transform } from "esbuild";
import { command, UsageError } from "./command-line.ts";
import { isPrebuilt } from "./environment.mjs";
import { serviceNames } from "./access-policy.ts";
import { billOfMaterials, type LockedPackage } from "./sbom.ts";
import { writeFile } from "./write-file.ts";

const root = join(import.meta.dirname, "..");

/** The apps of this repository: the services of the access policy, each with its code in the folder of its name. */
export const apps = serviceNames;

/**
 * The first version of Node that a bundle runs on: `Promise.withResolvers` is new in it, and `@azure/identity` and cockatiel
 * ask for it (`engines` in their package.json). In Azure the apps run on 24, see infra/modules/site.bicep.
 */
const NODE = 22;

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
  const [{ outputFiles }, main] = await Promise.all([
    build({ ...bundle(app, folder, root), plugins }),
    entryPointOf(app, plugins),
  ]);
  await writeAll(await toCommonJs(app, outputFiles));
  await copyFile(join(root, "host.json"), join(folder, "host.json"));
  await writeFile(join(folder, main), 'require("./main.js");\n');
  const manifest = { name: app, version: "0.1.0", private: true, main, engines: { node: `>=${NODE}` } };
  await writeFile(join(folder, "package.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return folder;
}

/**
 * The name of a staged app's entry point: the SHA-256 digest of `host.json` and of the bundle. The Functions host reports
 * that name with each function, and Resource Manager passes it on: what runs can be held against a commit, without a
 * setting or a parameter that says what should run.
 *
 * @see https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/coreApi/registerFunction.ts (`scriptFile`)
 */
export async function entryPointOf(app: string, plugins: Plugin[] = []): Promise<string> {
  // Always as for the same folders, and without source maps: esbuild's hashes in the names of files depend on both.
  const options = { ...bundle(app, join(root, "dist", app), root), absWorkingDir: root, sourcemap: false } as const;
  const { outputFiles } = await build({ ...options, plugins });
  const digest = createHash("sha256").update(await readFile(join(root, "host.json")));
  for (const { path, contents } of outputFiles) digest.update(`\0${basename(path)}\0`).update(contents);
  return `package-${digest.digest("hex")}.js`;
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
        if (errors.length > 0) {
          onBuilt("failed");
          return;
        }
        const files = await toCommonJs(app, outputFiles);
        // The others carry a digest in their names, which stand in this one.
        const isSame = files.get(file) === (await readFile(file, "utf8"));
        await writeAll(files);
        onBuilt(isSame ? "same" : "changed");
      });
    },
  };
  const watched = await context({ ...bundle(app, folder, sources), plugins: [report] });
  await watched.watch();
  return () => watched.dispose();
}

/** Bytes in a bundle: of what a start loads, and of what is loaded on demand. */
export interface Bytes {
  atStart: number;
  onDemand: number;
}

/** What the bundle of an app is made of, in bytes by package, or by folder of this repository. */
export async function contentsOf(app: string): Promise<Readonly<Record<string, Readonly<Bytes>>>> {
  const outputs = await outputsOf(app);
  const atStart = new Set(Object.keys(outputs).filter((file) => file.endsWith("/main.js")));
  // A set gives what is added to it on the way, too.
  for (const file of atStart) {
    for (const { path, kind } of outputs[file]?.imports ?? []) if (kind === "import-statement") atStart.add(path);
  }
  const contents: Record<string, Bytes> = {};
  for (const [file, { inputs }] of Object.entries(outputs)) {
    for (const [source, { bytesInOutput }] of Object.entries(inputs)) {
      const [, name = source.split("/")[0] ?? ""] = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(source) ?? [];
      (contents[name] ??= { atStart: 0, onDemand: 0 })[atStart.has(file) ? "atStart" : "onDemand"] += bytesInOutput;
    }
  }
  return contents;
}

/** The bill of materials of an app's bundle, in CycloneDX: which packages are in it, by the lock file. */
export async function billOfMaterialsOf(app: string): Promise<string> {
  const inputs = Object.values(await outputsOf(app)).flatMap((output) => Object.entries(output.inputs));
  const sources = inputs.flatMap(([source, { bytesInOutput }]) => (bytesInOutput > 0 ? [source] : []));
  const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  return billOfMaterials(app, await entryPointOf(app), sources, packages);
}

/** The files of an app's bundle, with what is in them. */
async function outputsOf(app: string): Promise<Metafile["outputs"]> {
  const options = { ...bundle(app, join(root, "dist", app), root), absWorkingDir: root, metafile: true } as const;
  return (await build(options)).metafile.outputs;
}

/** `main.js`, which a start loads, and in `on-demand/` what `import()` loads later, so that a start does not even read it. */
function bundle(app: string, folder: string, sources: string) {
  return {
    ...common,
    entryPoints: [join(sources, app, "src", "main.ts")],
    outdir: folder,
    chunkNames: "on-demand/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    // The Functions worker provides this module at run time; it is on no registry.
    external: ["@azure/functions-core"],
    sourcemap: "inline",
    logLevel: "warning",
    write: false,
  } satisfies BuildOptions;
}

const common = {
  platform: "node",
  target: `node${NODE}`,
  // Less to read and compile at a cold start. Identifiers stay: stack traces name what the source names.
  minifyWhitespace: true,
  minifySyntax: true,
} as const;

/**
 * Makes CommonJS of what was built: esbuild splits ECMAScript modules only, and the Functions worker provides its module
 * to `require`.
 *
 * The file that a start loads begins with a look at Node's version: on an older one the app would start, and answer every
 * call 500.
 *
 * @returns what is to be written, by path
 */
async function toCommonJs(app: string, outputs: readonly OutputFile[]): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const { path, text } of outputs) {
    const name = basename(path);
    const { code, map } = await transform(text, {
      ...common,
      format: "cjs",
      sourcefile: name,
      sourcemap: "external",
      banner: name === "main.js" ? requireNode(app) : "",
      // `require` in its place: Node would parse each file once more, to find out whether it is an ECMAScript module.
      supported: { "dynamic-import": false },
      // In what `@azure/identity` opens a browser with, which no app does.
      logOverride: { "empty-import-meta": "silent" },
    });
    files.set(path, `${code}//# sourceMappingURL=${name}.map\n`).set(`${path}.map`, map);
  }
  return files;
}

/** In words that need no newer Node; the Functions host and Core Tools show what an app throws while it is loaded. */
function requireNode(app: string): string {
  const needed = `${app} needs Node ${NODE} or later, and this is Node `;
  const remedy = ". In Azure, set the site's Node version to 24; on your machine, put Node 24 first on the PATH.";
  return `if(parseInt(process.versions.node)<${NODE})throw new Error(${JSON.stringify(needed)}+process.versions.node+${JSON.stringify(remedy)});`;
}

async function writeAll(files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
}

async function requireNothingOfTheUsers(app: string, folder: string): Promise<void> {
  const file = join(folder, "local.settings.json");
  const text = await readFile(file, "utf8").catch(() => `"${STAGED_BY}"`);
  if (!text.includes(`"${STAGED_BY}"`)) {
    throw new Error(`${file} is yours, and a build would delete it: move it to ${app}/local.settings.json.`);
  }
}

/** The contents as a table, the largest first. */
async function tableOf(app: string): Promise<string> {
  const rows = Object.entries(await contentsOf(app)).map(([name, bytes]) => ({ name, ...bytes }));
  const all = rows.reduce((sum, { atStart, onDemand }) => sum + atStart + onDemand, 0);
  return [
    "| package | at the start | on demand | of all |",
    "| --- | ---: | ---: | ---: |",
    ...rows
      .map((row) => ({ ...row, share: (100 * (row.atStart + row.onDemand)) / all }))
      .sort((a, b) => b.share - a.share)
      .map((row) => `| ${row.name} | ${row.atStart} | ${row.onDemand} | ${row.share.toFixed(1)} % |`),
  ].join("\n");
}

const USAGE = `Usage: npm run build [-- <app> ...] [--analyze]

Stages the apps in dist/<app>, each or those that are named: ${apps.join(", ")}. Writes beside each which packages are in
it, as a CycloneDX bill of materials: dist/<app>.cdx.json.

  --analyze   show what is in each bundle, in bytes by package
  --help      show this text`;

if (process.argv[1] === import.meta.filename) {
  const options = { analyze: { type: "boolean" } } as const;
  await command(USAGE, { allowPositionals: true, options }, async ({ positionals, values }) => {
    if (isPrebuilt)
      throw new UsageError("PREBUILT=1 says that all is built: nothing was built anew. Without it, this builds.");
    const unknown = positionals.filter((name) => !apps.some((app) => app === name));
    if (unknown.length > 0)
      throw new UsageError(`There is no app ${unknown.join(", ")}. The apps are: ${apps.join(", ")}.`);
    for (const app of positionals.length > 0 ? positionals : apps) {
      const folder = await stage(app);
      // Beside the package: the Functions host has no use for it, and the package stays what its digest says.
      await writeFile(`${folder}.cdx.json`, await billOfMaterialsOf(app));
      console.log(`Staged ${app} in ${folder}, and what is in it in ${folder}.cdx.json`);
      if (values.analyze === true) console.log(`\n${await tableOf(app)}\n`);
    }
    return 0;
  });
}
