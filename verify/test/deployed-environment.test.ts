/** What is read from the azd environment and the snapshots. */
import "../../tools/testing/example-system.ts";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { azdValues, CannotStartError, readDeployment } from "../deployed/environment.ts";
import { expectedOf } from "../deployed/expected.ts";
import { readSnapshot, type Snapshot } from "../../infra/snapshot.ts";

const SERVICES = JSON.stringify([
  { name: "callee-func", siteName: "callee-func-xyz", url: "https://callee-func-xyz.azurewebsites.net" },
  { name: "caller-func", siteName: "caller-func-xyz", url: "https://caller-func-xyz.azurewebsites.net" },
]);
const VALUES = {
  AZURE_ENV_NAME: "prod",
  AZURE_SUBSCRIPTION_ID: "11111111-1111-4111-8111-111111111111",
  AZURE_TENANT_ID: "22222222-2222-4222-8222-222222222222",
  AZURE_RESOURCE_GROUP: "rg-prod",
  RESTRICTED_DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32,198.51.100.0/28",
  SERVICES,
};

describe("the azd environment", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "verify-azd-"));
    vi.stubEnv("PATH", `${folder}:/usr/bin:/bin`);
    vi.stubEnv("SERVICES", undefined);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  });

  const azd = async (script: string): Promise<void> => {
    await writeFile(join(folder, "azd"), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, "azd"), 0o755);
  };

  it.skipIf(process.platform === "win32")("is what azd says", async () => {
    await azd(`test "$*" = "env get-values --output json --no-prompt" && echo '{"AZURE_ENV_NAME": "dev"}'`);
    expect(await azdValues()).toEqual({ AZURE_ENV_NAME: "dev" });
  });

  it.skipIf(process.platform === "win32")("is the process's own where azd has none, as in a pipeline", async () => {
    await azd("exit 1");
    vi.stubEnv("SERVICES", SERVICES);
    expect((await azdValues())["SERVICES"]).toBe(SERVICES);
  });

  it("is asked for where there is none", async () => {
    const error: unknown = await azdValues().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(CannotStartError);
    expect((error as Error).message).toMatch(/azd env select|azd up/);
  });
});

describe("the template in the deployment's names", () => {
  const text = (values: object): string =>
    JSON.stringify(expectedOf(readDeployment({ ...VALUES, ...values })).services);

  it("has nothing made up left in it", () => {
    for (const RESTRICTED_PLAN_SKU of ["EP1", "P0v3"]) {
      const expected = text({ RESTRICTED_PLAN_SKU });
      expect(expected).not.toMatch(/snapshot|gvdbqwjj344d4|00000000-0000-0000-0000-00000000000[12]/);
      expect(expected).toContain(
        "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg-prod/providers/Microsoft.Web/sites/callee-func-xyz",
      );
    }
  });

  const allowed = (service: string, values: object = {}): readonly (string | undefined)[] =>
    expectedOf(readDeployment({ ...VALUES, ...values }))
      .services.filter(({ name }) => name === service)
      .flatMap(({ mainRules }) => mainRules)
      .filter(({ action }) => action === "Allow")
      .map(({ ipAddress, vnetSubnetResourceId }) => vnetSubnetResourceId ?? ipAddress);

  it("lets in the declared ranges where a service is nobody's callee, and those of deployers where none are declared", () => {
    expect(allowed("caller-func")).toEqual(["203.0.113.7/32", "198.51.100.0/28"]);
    expect(allowed("caller-func", { RESTRICTED_INGRESS_ADDRESS_RANGES: "192.0.2.0/24" })).toEqual(["192.0.2.0/24"]);
  });

  it("lets in a callee's callers by their subnets, external callers also by their addresses, and no declared range", () => {
    expect(allowed("callee-func")).toEqual([
      expect.stringMatching(/\/virtualNetworks\/vnet-xyz\/subnets\/caller-func$/) as string,
      expect.stringMatching(/\/virtualNetworks\/vnet-cluster\/subnets\/snet-nodes$/) as string,
      "203.0.113.128/28",
      "3fff:a::/48",
    ]);
  });

  it("has another team's subnets and workspace in place of its own, as the template evaluates", () => {
    const owners = "/subscriptions/00000000-0000-0000-0000-000000000005/resourceGroups";
    const subnet = (service: string): string =>
      `${owners}/rg-network/providers/Microsoft.Network/virtualNetworks/vnet-landing-zone/subnets/snet-${service}`;
    const names = ["callee-func", "caller-func"];
    const expected = expectedOf(
      readDeployment({
        ...VALUES,
        RESTRICTED_DEPLOYER_ADDRESS_RANGES: "203.0.113.7/32",
        RESTRICTED_EXISTING_SUBNETS: JSON.stringify(Object.fromEntries(names.map((name) => [name, subnet(name)]))),
        RESTRICTED_EXISTING_WORKSPACE: `${owners}/rg-logs/providers/Microsoft.OperationalInsights/workspaces/log-landing-zone`,
      }),
    );
    const evaluated = JSON.stringify(readSnapshot("existing"))
      .replaceAll("00000000-0000-0000-0000-000000000001", VALUES.AZURE_SUBSCRIPTION_ID)
      .replaceAll("00000000-0000-0000-0000-000000000002", VALUES.AZURE_TENANT_ID)
      .replaceAll("rg-snapshot", VALUES.AZURE_RESOURCE_GROUP)
      .replaceAll("gvdbqwjj344d4", "xyz");
    const { predictedResources } = JSON.parse(evaluated) as Snapshot;
    const withId = predictedResources.filter(({ id }) => id !== undefined && !id.startsWith("["));
    expect(expected.resources).toEqual(
      withId.map(({ id, type, apiVersion, properties = {} }) => ({ id, type, apiVersion, properties })),
    );
    expect(expected.services.map(({ subnetId }) => subnetId)).toEqual(names.map(subnet));
    expect(expected.services.map(({ subnetIsForeign, outboundRules }) => [subnetIsForeign, outboundRules])).toEqual([
      [true, []],
      [true, []],
    ]);
  });

  it("keeps the network of the services that bring no subnet along", () => {
    const RESTRICTED_EXISTING_SUBNETS = JSON.stringify({ "caller-func": "/subnets/other" });
    const { services, resources } = expectedOf(readDeployment({ ...VALUES, RESTRICTED_EXISTING_SUBNETS }));
    expect(services.map(({ subnetId }) => subnetId.split("/").at(-1))).toEqual(["callee-func", "other"]);
    const network = resources.find(({ type }) => type === "Microsoft.Network/virtualNetworks");
    expect(network?.properties).toMatchObject({ subnets: [{ name: "callee-func" }] });
    const groups = resources.filter(({ type }) => type === "Microsoft.Network/networkSecurityGroups");
    expect(groups.map(({ id }) => id.split("/").at(-1))).toEqual(["nsg-callee-func-xyz"]);
  });

  it("is not read from nonsense", () => {
    for (const RESTRICTED_EXISTING_SUBNETS of ["subnet", "[]", '"subnet"', "null", '{"caller-func":1}']) {
      expect(() => readDeployment({ ...VALUES, RESTRICTED_EXISTING_SUBNETS })).toThrow(CannotStartError);
    }
  });
});
