import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2019, type AnySchemaObject } from "ajv/dist/2019.js";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { accessPolicy } from "../../tools/access-policy.ts";

const root = join(import.meta.dirname, "..", "..");
const schemaFile = join(root, "..", "shared", "data", "schemas", "azd-azure.yaml.schema.json");

interface AzureYaml {
  readonly services: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly hooks: Readonly<Record<string, Readonly<Record<"windows" | "posix", { readonly run: string }>>>>;
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
