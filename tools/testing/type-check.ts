/** Type-checks text as a file of the repository: samples of the docs and of docstrings. */
import { join } from "node:path";
import ts from "typescript";

const root = join(import.meta.dirname, "..", "..");

/**
 * Checks texts as strictly as the rest of the repository.
 *
 * @param texts by the path that each would have; no such file need be there
 * @returns what the compiler says, a line for each finding
 */
export function typeErrors(texts: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (name) => ts.sys.readFile(name)) as {
    config: object;
  };
  const files = [...texts.keys()];
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [], files }, ts.sys, root);
  const disk = ts.createCompilerHost(options);
  const program = ts.createProgram(files, options, {
    ...disk,
    fileExists: (name) => texts.has(name) || disk.fileExists(name),
    getSourceFile: (name, ...others) => {
      const text = texts.get(name);
      return text === undefined ? disk.getSourceFile(name, ...others) : ts.createSourceFile(name, text, others[0]);
    },
  });
  return files.flatMap((file) =>
    ts
      .getPreEmitDiagnostics(program, program.getSourceFile(file))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, " ")),
  );
}
