/** Builds an app in the ways that the cold start benchmark compares. */
import { globSync } from "node:fs";
import { readFile, symlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { build, type Plugin } from "esbuild";
import { stage } from "../tools/build.ts";
import { writeFile } from "../tools/write-file.ts";

const root = join(import.meta.dirname, "..");

/** The file that a worker requires, for each way to build an app. */
export interface Builds {
  readonly bundle: string;
  /** The bundle without lazy loading. */
  readonly eager: string;
  /** Each source file transpiled alone, and the packages in node_modules. */
  readonly unbundled: string;
}

export async function buildAll(app: string, folder: string): Promise<Builds> {
  await stage(app, join(folder, "bundle"));
  await stage(app, join(folder, "eager"), [importedAtStart]);
  await transpile(app, join(folder, "unbundled"));
  return {
    bundle: join(folder, "bundle", "main.js"),
    eager: join(folder, "eager", "main.js"),
    unbundled: join(folder, "unbundled", app, "src", "main.js"),
  };
}

/** Replaces `import()` in our sources by imports. */
const importedAtStart: Plugin = {
  name: "imported-at-start",
  setup(build) {
    build.onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      if (path.includes(`${sep}node_modules${sep}`)) return undefined;
      const imports: string[] = [];
      const source = (await readFile(path, "utf8")).replaceAll(/\bimport\((".+?")\)/g, (_, specifier: string) => {
        imports.push(`import * as onDemand${imports.length} from ${specifier};`);
        return `Promise.resolve(onDemand${imports.length - 1})`;
      });
      return { contents: [...imports, source].join("\n"), loader: "ts" };
    });
  },
};

/** Transpiles each source file to a JavaScript file, as `tsc` does, beside a link to this repository's node_modules. */
async function transpile(app: string, folder: string): Promise<void> {
  const sources = globSync([`${app}/src/**/*.ts`, "shared/**/*.ts"], {
    cwd: root,
    exclude: ["**/node_modules/**", "**/test/**"],
  });
  await build({
    entryPoints: sources.map((source) => join(root, source)),
    outbase: root,
    outdir: folder,
    bundle: true,
    platform: "node",
    format: "cjs",
    target: "node22",
    plugins: [importsUnresolved],
    logLevel: "warning",
  });
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "commonjs" }));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
}

/** Keeps every import for run time. Those of our own sources get the paths of the transpiled files. */
const importsUnresolved: Plugin = {
  name: "imports-unresolved",
  setup(build) {
    build.onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind === "entry-point" || pluginData === "resolving") return undefined;
      const resolved = await build.resolve(path, { kind, resolveDir, pluginData: "resolving" });
      const { path: source, external, errors } = resolved;
      const isOurs = !external && errors.length === 0 && !source.includes(`${sep}node_modules${sep}`);
      if (!isOurs) return { path, external: true };
      const target = relative(dirname(importer), source).replaceAll(sep, "/").replace(/\.ts$/, ".js");
      return { path: target.startsWith(".") ? target : `./${target}`, external: true };
    });
  },
};
