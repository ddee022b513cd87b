/**
 * Replaces the access policy, the contracts, the evaluated templates and the built apps by those of `example/`: tests of the
 * proof name calls and settings, and must not depend on the services of this repository. Such a test imports this file first.
 * `npm run infra:check` evaluates the templates for the example, too.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { vi } from "vitest";
import { functions } from "./example/contracts.ts";

type SnapshotModule = typeof import("../../infra/snapshot.ts");

vi.mock("../access-policy.ts", async () => {
  const { tableEndpointSettingOf } = await import("../service-names.ts");
  const serviceOptions = exampleFile("service-options.json") as Readonly<
    Record<string, { tableEndpointSetting: string }>
  >;
  const accessPolicy = exampleFile("access-policy.json") as { readonly services: object };
  return {
    accessPolicy,
    serviceNames: Object.keys(accessPolicy.services),
    serviceOptions,
    tableEndpointSetting: (service: string) => tableEndpointSettingOf(serviceOptions[service]),
  };
});

vi.mock("../contract-mistakes.ts", async (original) => {
  const { contracts } = await import("./example/contracts.ts");
  return { ...(await original<object>()), readContracts: () => Promise.resolve({ contracts, mistakes: [] }) };
});

vi.mock("../../infra/snapshot.ts", async (original): Promise<SnapshotModule> => {
  const snapshots: SnapshotModule = await original();
  return {
    ...snapshots,
    readSnapshot: (name) => exampleFile(`snapshots/${name}.snapshot.json`) as ReturnType<typeof snapshots.readSnapshot>,
  };
});

vi.mock("../../verify/model/built-service.ts", () => ({
  builtService: (service: string) =>
    Promise.resolve({
      entryPoint: `${service}.js`,
      functions: Object.entries(functions[service] ?? {}).map(([name, bindings]) => ({
        ...{ name, functionId: name },
        bindings: Object.fromEntries(bindings.map((binding, i) => [String(i), binding])),
      })),
    }),
}));

function exampleFile(path: string): unknown {
  return JSON.parse(readFileSync(join(import.meta.dirname, "example", path), "utf8"));
}
