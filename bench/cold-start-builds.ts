import { globSync } from "node:fs";
import { readFile, symlink } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { build, type Plugin } from "esbuild";
import { stage } from "../tools/build.ts";
import { writeFile } from "../tools/write-file.ts";

const root = join(import.meta.dirname, "..");

/** The ways to build an app that are compared: for each, the file that a worker requires. */
export interface Builds {
  readonly bundle: string;
  /** The bundle without the lazy loading. */
  readonly eager: string;
  /** Each source file by itself, the packages in node_modules: an app that is not bundled. */
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

/** Makes imports of what our own sources load by `import()`. */
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

/** Each source file to one of JavaScript, as `tsc` does, with this repository's node_modules beside them. */
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
    plugins: [importsAsTheyAre],
    logLevel: "warning",
  });
  await writeFile(join(folder, "package.json"), JSON.stringify({ type: "commonjs" }));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"), "junction");
}

/** Leaves every import to run time; those of our own sources point to what becomes of them. */
const importsAsTheyAre: Plugin = {
  name: "imports-as-they-are",
  setup(build) {
    build.onResolve({ filter: /./ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (kind === "entry-point" || pluginData === "resolving") return undefined;
      if (!/^(\.|shared\/)/.test(path)) return { path, external: true };
      const { path: source } = await build.resolve(path, { kind, resolveDir, pluginData: "resolving" });
      const target = relative(dirname(importer), source).replaceAll(sep, "/").replace(/\.ts$/, ".js");
      return { path: target.startsWith(".") ? target : `./${target}`, external: true };
    });
  },
};
