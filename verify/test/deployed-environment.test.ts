/** What is read from the azd environment and the snapshots. */
import "../../tools/testing/example-system.ts";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { azdValues, CannotStartError, readDeployment } from "../deployed/environment.ts";
import { expectedOf } from "../deployed/expected.ts";

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

  it("lets in a callee's callers by their subnets, and no address", () => {
    expect(allowed("callee-func")).toEqual([
      expect.stringMatching(/\/virtualNetworks\/vnet-xyz\/subnets\/caller-func$/) as string,
    ]);
  });
});
