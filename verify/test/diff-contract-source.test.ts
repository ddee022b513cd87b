/** Operations, read from the text of a contract. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { ServiceContract } from "@restricted-calls/shared/contract";
import { describe, expect, it } from "vitest";
import { serviceNames } from "../../tools/access-policy.ts";
import { operationsIn, type StatedOperation } from "../diff/contract-source.ts";

const root = join(import.meta.dirname, "..", "..");
const files = [
  ...serviceNames.map((service) => `${service}/contract.ts`),
  ...["caller-func", "callee-func"].map((service) => `examples/another-business/${service}/contract.ts`),
].filter((file) => existsSync(join(root, file)));

const read = (text: string): StatedOperation[] => operationsIn(text, "a-func", "a-func/contract.ts");
const good = `id: "a", method: "GET", route: "/api/a"`;

describe("the operations of a contract's text", () => {
  it.each(files)("are those of the loaded contract: %s", async (file) => {
    const { default: contract } = (await import(pathToFileURL(join(root, file)).href)) as { default: ServiceContract };
    const stated = contract.operations.map((operation) => {
      const { id, method, route, access } = operation;
      return {
        id,
        service: "a-func",
        method,
        route,
        access,
        role: operation.access === "token" ? operation.role : null,
      };
    });
    expect(read(readFileSync(join(root, file), "utf8"))).toEqual(stated);
  });

  it.each([
    ["a text that is no TypeScript", "export default {", "this is no TypeScript"],
    ["no default export", "export const operations = [];", "Expected `export default"],
    ["a contract that a function makes", "export default make();", "Expected `export default"],
    [
      "a contract with a name, which may be changed",
      "const c = { operations: [] }; export default c;",
      "Expected `export default",
    ],
    ["no operations", "export default {};", "Expected a list"],
    ["operations that a function makes", "export default { operations: make() };", "Expected a list"],
    ["operations that are spread", "export default { operations: [...others] };", "Write the operation as an object"],
    ["a contract that is spread", `export default { operations: [], ...others };`, "Write each member by its name"],
    [
      "an operation that is spread",
      `export default { operations: [{ ${good}, access: "public", ...others }] };`,
      "by its name",
    ],
    [
      "a computed name",
      `export default { operations: [{ ${good}, access: "public", ["access"]: x }] };`,
      "by its name",
    ],
    ["a name twice", `export default { operations: [{ ${good}, access: "token", role: "R", role: "S" }] };`, `"role"`],
    ["a prototype", `export default { operations: [{ ${good}, __proto__: { access: "public" } }] };`, `"__proto__"`],
    [
      "a role by a constant",
      `const R = "R"; export default { operations: [{ ${good}, access: "token", role: R }] };`,
      `Write "role"`,
    ],
    ["a role in short form", `export default { operations: [{ ${good}, access: "token", role }] };`, `Write "role"`],
    [
      "a role by a getter",
      `export default { operations: [{ ${good}, access: "token", get role() { return "R"; } }] };`,
      `Write "role"`,
    ],
    [
      "a composed route",
      'export default { operations: [{ id: "a", method: "GET", route: `/api/${x}`, access: "public" }] };',
      `Write "route"`,
    ],
    ["an access of an older form", `export default { operations: [{ ${good}, access: "anonymous" }] };`, "Expected"],
    ["no access", `export default { operations: [{ ${good}, role: null }] };`, `Write "role"`],
    [
      "a token without a role",
      `export default { operations: [{ ${good}, access: "token" }] };`,
      "An operation has a role",
    ],
    [
      "a public operation with a role",
      `export default { operations: [{ ${good}, access: "public", role: "R" }] };`,
      "An operation has a role",
    ],
  ])("cannot be read from %s, and the message says where", (_what, text, message) => {
    expect(() => read(text)).toThrow(message);
    expect(() => read(text)).toThrow(/^a-func\/contract\.ts:(1:)? /);
  });
});
