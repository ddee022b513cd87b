/**
 * Builds the npm package of `shared/`, for apps outside this repository: compiled JavaScript and type declarations, as ES modules
 * and as CommonJS. The apps here import the TypeScript sources.
 *
 *   npm run build:package
 */
import { spawnSync } from "node:child_process";
import { copyFile, mkdir, readFile, rm } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import ts from "typescript";
import { command } from "./command-line.ts";
import { writeFile } from "./write-file.ts";

const root = join(import.meta.dirname, "..");
const shared = join(root, "shared");

/** The name at the registry. */
export const PACKAGE = "restricted-calls";

/** Where it is built: not in `dist/`, whose folders are all deployed. */
const PACKAGE_FOLDER = join(root, ".local", "package");

/** The exports of `shared/` that the package has. The others are about this repository: its policy, contracts and tests. */
const TOPICS = [
  "authorization",
  "functions",
  "identifier",
  "identity",
  "ncrontab",
  "outbox",
  "problem",
  "service-client",
  "settings",
  "storage/table",
];

/** What the app has itself: a second copy would register functions that the host does not see. Only `functions` needs it. */
const PEER = "@azure/functions";

/** The example ran with 4.5.0; 4.0.0 has no hooks. */
const PEER_VERSIONS = "^4.5.0";

/**
 * The lowest version of Node: `jose` and `cockatiel` are ES modules only, and CommonJS can load these without a flag since 22.12.
 *
 * @see https://nodejs.org/docs/latest-v22.x/api/modules.html#loading-ecmascript-modules-using-require
 */
const NODE = ">=22.12";

/** The folder of the CommonJS files within the package. */
const COMMON_JS = "cjs";

interface Manifest {
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

/**
 * Builds the package, and packs it.
 *
 * @param folder is replaced
 * @returns the packed file, beside the folder
 * @throws Error with what the compiler or npm prints
 */
export async function buildPackage(folder = PACKAGE_FOLDER): Promise<string> {
  const manifest = JSON.parse(await readFile(join(shared, "package.json"), "utf8")) as Manifest;
  const sources = TOPICS.map((topic) => join(shared, sourceOf(manifest, topic)));
  await rm(folder, { recursive: true, force: true });
  const modules = compile(sources, { module: ts.ModuleKind.NodeNext, declaration: true });
  const commonJs = compile(sources, {
    // The same sources, checked once.
    noCheck: true,
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    esModuleInterop: true,
    verbatimModuleSyntax: false,
  });
  // Both kinds have the same declarations: the nearest package.json says how to read them.
  const declarations = [...modules].filter(([path]) => path.endsWith(".d.ts"));
  await writeAll(folder, modules);
  await writeAll(join(folder, COMMON_JS), [...commonJs, ...declarations]);
  await writeFile(join(folder, COMMON_JS, "package.json"), json({ type: "commonjs", sideEffects: false }));
  await writeFile(join(folder, "package.json"), json(packageJson(manifest)));
  for (const file of ["README.md", "CHANGELOG.md"]) await copyFile(join(shared, file), join(folder, file));
  await copyFile(join(root, "LICENSE"), join(folder, "LICENSE"));
  return pack(folder);
}

/** The source of a topic: `exports` in shared/package.json names it, some by a pattern. */
function sourceOf({ exports }: Manifest, topic: string): string {
  const [, name = ""] = topic.split("/");
  return exports[`./${topic}`] ?? exports[`./${topic.replace(name, "*")}`]?.replace("*", name) ?? "";
}

async function writeAll(folder: string, files: Iterable<readonly [path: string, text: string]>): Promise<void> {
  for (const [path, text] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
}

/** @returns the texts by path */
function compile(sources: readonly string[], kind: ts.CompilerOptions): ReadonlyMap<string, string> {
  const config = ts.readConfigFile(join(root, "tsconfig.json"), (name) => ts.sys.readFile(name)).config as object;
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files: sources }, ts.sys, root);
  const program = ts.createProgram(sources, {
    ...options,
    ...kind,
    noEmit: false,
    allowJs: false,
    allowImportingTsExtensions: false,
    rewriteRelativeImportExtensions: true,
    rootDir: shared,
    outDir: shared,
  });
  const texts = new Map<string, string>();
  const { diagnostics } = program.emit(undefined, (file, text) => {
    texts.set(relative(shared, file), renamed(text));
  });
  const found = kind.noCheck === true ? diagnostics : [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (found.length > 0) throw new Error(ts.formatDiagnostics(found, ts.createCompilerHost(options)));
  return texts;
}

/** The compiler leaves `.ts` in the imports of declarations, and examples name this repository's workspace. */
function renamed(text: string): string {
  return text
    .replace(/((?:from |import\()"\.[^"]*)\.ts"/g, '$1.js"')
    .replaceAll("@restricted-calls/shared/", `${PACKAGE}/`);
}

function packageJson(manifest: Manifest): object {
  const { [PEER]: _, ...dependencies } = manifest.dependencies;
  const entry = (folder: string, path: string) => ({
    types: `./${join(folder, path).replaceAll("\\", "/")}.d.ts`,
    default: `./${join(folder, path).replaceAll("\\", "/")}.js`,
  });
  return {
    name: PACKAGE,
    version: manifest.version,
    description:
      "Azure Functions that only the apps you name may call, by Entra ID access tokens; and the client that calls them.",
    keywords: ["azure-functions", "entra-id", "access-token", "authorization", "managed-identity"],
    license: "MIT",
    type: "module",
    sideEffects: false,
    engines: { node: NODE },
    exports: {
      ...Object.fromEntries(
        TOPICS.map((topic) => {
          const path = sourceOf(manifest, topic).replace(/\.ts$/, "");
          return [`./${topic}`, { import: entry("", path), require: entry(COMMON_JS, path) }];
        }),
      ),
      "./package.json": "./package.json",
    },
    dependencies,
    peerDependencies: { [PEER]: PEER_VERSIONS },
    peerDependenciesMeta: { [PEER]: { optional: true } },
  };
}

function pack(folder: string): string {
  const into = dirname(folder);
  // A shell finds npm.cmd on Windows.
  const { status, stdout, stderr } = spawnSync("npm", ["pack", "--json", "--pack-destination", ".."], {
    cwd: folder,
    encoding: "utf8",
    shell: process.platform === "win32",
  });
  if (status !== 0) throw new Error(`npm pack failed: ${stderr}`);
  const [{ filename } = { filename: "" }] = JSON.parse(stdout) as readonly { readonly filename: string }[];
  return join(into, filename);
}

function json(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

const USAGE = `Usage: npm run build:package

Builds the npm package of shared/ in .local/package, and packs it beside.

  --help   show this text`;

if (process.argv[1] === import.meta.filename) {
  await command(USAGE, {}, async () => {
    console.log(`Packed ${relative(root, await buildPackage())}`);
    return 0;
  });
}
