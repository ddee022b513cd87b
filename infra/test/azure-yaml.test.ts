import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2019, type AnySchemaObject } from "ajv/dist/2019.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { accessPolicy } from "../../tools/access-policy.ts";

const root = join(import.meta.dirname, "..", "..");
const schemaFile = join(root, "..", "shared", "data", "schemas", "azd-azure.yaml.schema.json");

interface Hook {
  readonly run: string;
  readonly interactive?: boolean;
}

interface AzureYaml {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly hooks: Readonly<Record<string, Readonly<Record<"windows" | "posix", Hook>>>>;
}

const azureYaml = parse(readFileSync(join(root, "azure.yaml"), "utf8")) as AzureYaml;

describe("azure.yaml", () => {
  it.skipIf(!existsSync(schemaFile))("is what azd's published schema allows", { tags: "needs-published-files" }, () => {
    const ajv = new Ajv2019({ strict: false, validateFormats: false });
    const schema = JSON.parse(readFileSync(schemaFile, "utf8")) as AnySchemaObject;
    const validate = ajv.compile(withoutRemoteSchemas(schema));
    expect([validate(azureYaml), validate.errors]).toEqual([true, null]);
    expect(validate({ ...azureYaml, services: { "callee-func": { project: "x" } } })).toBe(false);
  });

  it("deploys the services of the access policy as they are staged, without a remote build", () => {
    expect(Object.keys(azureYaml.services).sort()).toEqual(Object.keys(accessPolicy.services).sort());
    for (const [name, service] of Object.entries(azureYaml.services)) {
      expect(service).toEqual({ project: `./${name}`, language: "ts", host: "function", dist: `../dist/${name}` });
    }
  });

  it("lets a person read what is addressed to one: azd erases what other hooks print", () => {
    const scripts = { preprovision: "before-provision", postup: "after-up", predown: "before-down" };
    for (const [name, script] of Object.entries(scripts)) {
      const { windows, posix } = azureYaml.hooks[name] ?? {};
      expect(posix?.run).toContain(`infra/hooks/${script}.ts`);
      // azd takes the settings of the operating system alone: cli/azd/pkg/ext/hooks_manager.go of azd 1.31.2.
      expect([name, windows?.interactive, posix?.interactive]).toEqual([name, true, true]);
    }
  });

  it("runs the same existing script on Windows and elsewhere", () => {
    for (const { windows, posix } of Object.values(azureYaml.hooks)) {
      expect(windows.run).toBe(`${posix.run}; exit $LASTEXITCODE`);
      const [node, ...files] = posix.run.split(" ");
      expect(node).toBe("node");
      for (const file of files) expect(existsSync(join(root, file))).toBe(true);
    }
  });
});

/** The schema refers to others on the network, all about hosts that are not used here. */
function withoutRemoteSchemas(schema: AnySchemaObject): AnySchemaObject {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === "$ref" && typeof value === "string" && value.startsWith("https:") ? undefined : value,
    ),
  ) as AnySchemaObject;
}
