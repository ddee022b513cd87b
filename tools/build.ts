/**
 * Stages the function apps: `dist/<app>` gets the bundle with its source maps, `host.json`, an entry point whose name is the
 * digest of all these, and a minimal `package.json`. `func start` and zip deployment use this folder without changes.
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

/** The apps of this repository: the services of the access policy. The folder of an app has its name. */
export const apps = serviceNames;

/**
 * The lowest version of Node that a bundle runs on: it introduced `Promise.withResolvers`, and `@azure/identity` and
 * cockatiel require it (`engines` in their package.json). In Azure the apps run on 24: infra/modules/site.bicep.
 */
const NODE = 22;

/** The section of a local.settings.json that a start has written. A build may delete such a file, but no other. */
export const STAGED_BY = "StagedBy";

/**
 * Builds one app into a folder, `dist/<app>` by default, and returns that folder.
 *
 * @param plugins change the bundle: `verify` removes the guard, to show the network layer alone
 * @throws Error if the folder has a local.settings.json that the user has written: a build deletes the whole folder
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
 * this name with each function, and Resource Manager returns it. So the running code can be compared with a commit,
 * without a setting or a parameter that names the expected code.
 *
 * @see https://github.com/Azure/azure-functions-nodejs-worker/blob/v3.x/src/coreApi/registerFunction.ts (`scriptFile`)
 */
export async function entryPointOf(app: string, plugins: Plugin[] = []): Promise<string> {
  // esbuild's hashes in file names depend on the folders and on source maps: the folders are fixed, and there are no maps.
  const options = { ...bundle(app, join(root, "dist", app), root), absWorkingDir: root, sourcemap: false } as const;
  const { outputFiles } = await build({ ...options, plugins });
  const digest = createHash("sha256").update(await readFile(join(root, "host.json")));
  for (const { path, contents } of outputFiles) digest.update(`\0${basename(path)}\0`).update(contents);
  return `package-${digest.digest("hex")}.js`;
}

/**
 * Watches the sources of a staged app, and builds it again when one of them changes. If a build fails, esbuild prints the
 * errors, and the staged bundle stays.
 *
 * @param onBuilt is called after each build: the bundle is the same, or a changed one is staged, or the build failed
 * @param sources the folder with the apps' sources; this repository by default
 * @returns a function that ends the watch
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
        // The names of the other files contain their digests, and this file contains these names.
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

/** Bytes of a bundle: those that a start loads, and those that are loaded on demand. */
export interface Bytes {
  atStart: number;
  onDemand: number;
}

/** In an app's folder: the accepted size of its bundle, so that a growth is a decision somebody sees in review. */
export const SIZE_FILE = "bundle-size.json";

/** The size of an app's bundle. */
export async function sizeOf(app: string): Promise<Readonly<Bytes>> {
  const sizes: Bytes = { atStart: 0, onDemand: 0 };
  for (const { atStart, onDemand } of Object.values(await contentsOf(app))) {
    sizes.atStart += atStart;
    sizes.onDemand += onDemand;
  }
  return sizes;
}

/** The contents of an app's bundle: bytes by package, or by folder of this repository. */
export async function contentsOf(app: string): Promise<Readonly<Record<string, Readonly<Bytes>>>> {
  const outputs = await outputsOf(app);
  const atStart = new Set(Object.keys(outputs).filter((file) => file.endsWith("/main.js")));
  // The loop also visits the files that it adds to the set.
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

/** The bill of materials of an app's bundle, in CycloneDX: its packages, with the versions of the lock file. */
export async function billOfMaterialsOf(app: string): Promise<string> {
  const inputs = Object.values(await outputsOf(app)).flatMap((output) => Object.entries(output.inputs));
  const sources = inputs.flatMap(([source, { bytesInOutput }]) => (bytesInOutput > 0 ? [source] : []));
  const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8")) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  return billOfMaterials(app, await entryPointOf(app), sources, packages);
}

/** The files of an app's bundle, with their contents. */
async function outputsOf(app: string): Promise<Metafile["outputs"]> {
  const options = { ...bundle(app, join(root, "dist", app), root), absWorkingDir: root, metafile: true } as const;
  return (await build(options)).metafile.outputs;
}

/** `main.js`, which a start loads, and the files of `on-demand/`, which `import()` loads later. */
function bundle(app: string, folder: string, sources: string) {
  return {
    ...common,
    entryPoints: [join(sources, app, "src", "main.ts")],
    outdir: folder,
    chunkNames: "on-demand/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    // The Functions worker provides this module at run time. No registry has it.
    external: ["@azure/functions-core"],
    alias: fromSources,
    sourcemap: "inline",
    logLevel: "warning",
    write: false,
  } satisfies BuildOptions;
}

/** Packages that publish their sources beside a bundle of their own. Of sources, esbuild keeps only what the app uses. */
export const fromSources = Object.fromEntries(
  ["@azure/functions", "@azure/functions-extensions-base"].map((name) => [
    name,
    join(root, "node_modules", name, "src", "index.ts"),
  ]),
);

const common = {
  platform: "node",
  target: `node${NODE}`,
  // Makes a cold start read and compile less. Keeps identifiers, so that stack traces have the names of the source.
  minifyWhitespace: true,
  minifySyntax: true,
} as const;

/**
 * Converts the bundle to CommonJS: esbuild splits ECMAScript modules only, but the Functions worker provides its module to
 * `require` only.
 *
 * `main.js` begins with a check of Node's version: on an older one the app would start and respond 500 to every call.
 *
 * @returns the texts by path
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
      // Replaces `import()` by `require`: otherwise Node parses each file twice, to detect ECMAScript modules.
      supported: { "dynamic-import": false },
      // The warning is about code of `@azure/identity` that opens a browser. No app does.
      logOverride: { "empty-import-meta": "silent" },
    });
    files.set(path, `${code}//# sourceMappingURL=${name}.map\n`).set(`${path}.map`, map);
  }
  return files;
}

/** Uses no newer syntax. The Functions host and Core Tools show the error of an app that fails to load. */
function requireNode(app: string): string {
  const needed = `${app} needs Node ${NODE} or later, but this is Node `;
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
    throw new Error(`${file} is your file, and a build would delete it: move it to ${app}/local.settings.json.`);
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

Stages all apps, or those that are named, in dist/<app>: ${apps.join(", ")}. Writes the packages of each as a CycloneDX
bill of materials: dist/<app>.cdx.json.

  --analyze   print the contents of each bundle, in bytes by package
  --help      show this text`;

if (process.argv[1] === import.meta.filename) {
  const options = { analyze: { type: "boolean" } } as const;
  await command(USAGE, { allowPositionals: true, options }, async ({ positionals, values }) => {
    if (isPrebuilt)
      throw new UsageError("PREBUILT=1 says that the apps are built already, so nothing was built. Unset it to build.");
    const unknown = positionals.filter((name) => !apps.some((app) => app === name));
    if (unknown.length > 0)
      throw new UsageError(`There is no app ${unknown.join(", ")}. The apps are: ${apps.join(", ")}.`);
    for (const app of positionals.length > 0 ? positionals : apps) {
      const folder = await stage(app);
      // Beside the folder, because the Functions host does not need it and the digest does not cover it.
      await writeFile(`${folder}.cdx.json`, await billOfMaterialsOf(app));
      console.log(`Staged ${app} in ${folder}; bill of materials: ${folder}.cdx.json`);
      if (values.analyze === true) console.log(`\n${await tableOf(app)}\n`);
    }
    return 0;
  });
}
