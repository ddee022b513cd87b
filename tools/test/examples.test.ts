import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { typeErrors } from "../testing/type-check.ts";

const root = join(import.meta.dirname, "..", "..");

/** The docstrings with an `@example`, and what each describes. */
const docstrings = globSync("shared/**/*.ts", { cwd: root, exclude: ["**/node_modules/**", "**/test/**"] }).flatMap(
  (file) =>
    [
      ...readFileSync(join(root, file), "utf8").matchAll(
        /\/\*\*\n((?: \*.*\n)+?) \*\/\nexport (?:async )?(?:function|type) (\w+)/g,
      ),
    ].map(([, text = "", name = ""]) => ({ name, text: text.replaceAll(/^ \* ?/gm, "") })),
);
const examples = docstrings.flatMap(({ name, text }) => {
  const [, code] = /@example[^`]*```ts\n(.*?)```/s.exec(text) ?? [];
  return code === undefined ? [] : [{ name, code }];
});

test.each(["createAuthorizer", "createGuard", "createServiceClient", "createTokenSource"])(
  "%s has an example, and says what it does not check",
  (name) => {
    expect(examples.map((example) => example.name)).toContain(name);
    expect(docstrings.find((docstring) => docstring.name === name)?.text).toContain("Does not check");
  },
);

test("the examples compile as strictly as the rest", () => {
  const texts = new Map(examples.map(({ name, code }) => [join(root, "callee-func", "src", `${name}.ts`), code]));
  expect(typeErrors(texts)).toEqual([]);
}, 60_000);
