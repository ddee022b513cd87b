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

type Hooks = Readonly<Record<string, Readonly<Record<"windows" | "posix", Hook>>>>;

interface AzureYaml {
  readonly services: Readonly<Record<string, { readonly hooks: Hooks }>>;
  readonly hooks: Hooks;
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

  it("deploys the services of the access policy as they are staged, and has azd build nothing", () => {
    expect(Object.keys(azureYaml.services).sort()).toEqual(Object.keys(accessPolicy.services).sort());
    for (const [name, { hooks, ...service }] of Object.entries(azureYaml.services)) {
      expect(service).toEqual({ project: `./${name}`, language: "custom", host: "function", dist: `dist/${name}` });
      expect(commandsOf(hooks)).toEqual({
        prepackage: `node ../tools/run.mjs tools/build.ts ${name}`,
        postdeploy: `node ../tools/run.mjs infra/hooks/after-service.ts ${name}`,
      });
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

  it("installs in what azd runs first and alone, and notes the start of the deployment in it", () => {
    const first = "node tools/run.mjs infra/hooks/before-deploy.ts";
    expect(commandsOf(azureYaml.hooks)).toMatchObject({ prepackage: first, predeploy: first });
  });

  it("runs the same existing script on Windows and elsewhere", () => {
    const hooks = [azureYaml.hooks, ...Object.values(azureYaml.services).map((service) => service.hooks)];
    for (const { windows, posix } of hooks.flatMap((some) => Object.values(some))) {
      expect(windows.run).toBe(`${posix.run}; exit $LASTEXITCODE`);
      const [node, launcher = "", script = ""] = posix.run.split(" ");
      expect(node).toBe("node");
      // The launcher runs scripts in the repository's folder, whatever its own is.
      for (const file of [launcher.replace("../", ""), script]) expect(existsSync(join(root, file))).toBe(true);
    }
  });
});

function commandsOf(hooks: Hooks): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(hooks).map(([name, { posix }]) => [name, posix.run]));
}

/** The schema refers to others on the network, all about hosts that are not used here. */
function withoutRemoteSchemas(schema: AnySchemaObject): AnySchemaObject {
  return JSON.parse(
    JSON.stringify(schema, (key, value: unknown) =>
      key === "$ref" && typeof value === "string" && value.startsWith("https:") ? undefined : value,
    ),
  ) as AnySchemaObject;
}
