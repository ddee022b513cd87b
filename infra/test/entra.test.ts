import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import type { Policy, ServicePolicy } from "@restricted-calls/shared/access-policy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { accessPolicy, serviceNames } from "../../tools/access-policy.ts";

const apis = Object.entries<ServicePolicy>(accessPolicy.services).filter(
  ([, { roles }]) => Object.keys(roles).length > 0,
);
const { externalCallers = {} }: Policy = accessPolicy;
const principalOf = (caller: string): string => {
  const external = externalCallers[caller];
  return external === undefined ? "identity" : `service principal ${external.objectId}`;
};
const script = join(import.meta.dirname, "..", "entra.ts");
const ids = {
  subscription: "00000000-0000-0000-0000-000000000001",
  tenant: "00000000-0000-0000-0000-000000000002",
  api: "00000000-0000-0000-0000-000000000004",
};

describe.skipIf(process.platform === "win32")("npm run entra", () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "entra-"));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  interface Azure {
    readonly cloud?: string;
    readonly group?: object;
    readonly fails?: string;
  }

  /** Stands in for az: notes how it was called, and with which parameters, and answers as az does. */
  function run(args: string, { cloud = "AzureCloud", group, fails = "-" }: Azure = {}, input = "") {
    const account = { id: ids.subscription, name: "Prod", tenantId: ids.tenant, environmentName: cloud };
    const outputs = {
      apiClientIds: { type: "Object", value: { "callee-func": ids.api } },
      callerClientIds: { type: "Object", value: { "caller-func": ids.api } },
    };
    const answers = {
      "account show": account,
      "group exists": group !== undefined,
      "group show": group,
      "group create": {},
      "deployment group": outputs,
    };
    const az = `#!${process.execPath}
      const { appendFileSync, readFileSync } = require("node:fs");
      const args = process.argv.slice(2);
      const file = args.find((arg) => arg.startsWith("@"));
      const parameters = file && JSON.parse(readFileSync(file.slice(1), "utf8")).parameters;
      appendFileSync(${JSON.stringify(join(folder, "calls"))}, JSON.stringify({ args: args.join(" "), parameters }) + "\\n");
      const called = args.slice(0, 2).join(" ");
      if (called === ${JSON.stringify(fails)}) { console.error("ERROR: (AuthorizationFailed)"); process.exit(1); }
      console.log(JSON.stringify(${JSON.stringify(answers)}[called]));`;
    writeFileSync(join(folder, "az"), az, { mode: 0o755 });
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args.split(" ")], {
      encoding: "utf8",
      env: { ...process.env, PATH: `${folder}${delimiter}${process.env["PATH"] ?? ""}` },
      input,
    });
    const text = existsSync(join(folder, "calls")) ? readFileSync(join(folder, "calls"), "utf8") : "";
    const calls = text
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as { readonly args: string; readonly parameters?: object });
    return { status, stdout, stderr, calls, changes: calls.filter(({ args }) => args.includes(" create ")) };
  }

  const NEW = "--environment dev --location westeurope";

  it("prints all that it will do, and does nothing without a yes", () => {
    for (const input of ["", "no\n", "y\n"]) {
      const { status, stdout, stderr, changes } = run(NEW, {}, input);
      expect({ status, changes }).toEqual({ status: 1, changes: [] });
      expect(stdout).toContain(
        `subscription Prod (${ids.subscription}), resource group rg-dev, which will be created in westeurope`,
      );
      for (const line of [
        ...serviceNames.map((service) => `an identity for ${service}`),
        ...apis.map(
          ([api, { roles }]) =>
            `an app registration for ${api}, with the app roles ${Object.keys(roles).join(", ")}; Entra ID issues no token without one`,
        ),
        ...apis.flatMap(([api, { callers }]) =>
          Object.entries(callers).map(
            ([caller, roles]) =>
              `for the ${principalOf(caller)} of ${caller} the app roles ${roles.join(", ")} of ${api}`,
          ),
        ),
      ]) {
        expect(stdout.split("\n")).toContain(`  ${line}`);
      }
      expect(stderr).toContain("Nothing was done.");
    }
  });

  it.each([
    ["after a yes", NEW, "yes\n"],
    ["with --yes", `${NEW} --yes`, ""],
  ])(
    "makes the resource group, deploys the Entra part alone, and prints what to take over: %s",
    (_how, args, input) => {
      const { status, stdout, changes } = run(args, {}, input);
      expect(status).toBe(0);
      expect(changes.map((call) => call.args.split(" --output")[0])).toEqual([
        `group create --name rg-dev --location westeurope --tags azd-env-name=dev --subscription ${ids.subscription}`,
        `deployment group create --resource-group rg-dev --subscription ${ids.subscription} --template-file infra/entra.bicep ` +
          "--parameters @.local/entra/parameters.json --query properties.outputs",
      ]);
      expect(changes[1]?.parameters).toEqual({
        environmentName: { value: "dev" },
        tags: { value: { "azd-env-name": "dev" } },
        callerCredential: { value: "managed-identity" },
      });
      expect(stdout).toContain(`  RESTRICTED_API_CLIENT_IDS='{"callee-func":"${ids.api}"}'\n`);
      expect(stdout).not.toContain("RESTRICTED_CALLER_");
      expect(existsSync(join(script, "..", "..", ".local", "entra", "parameters.json"))).toBe(false);
    },
  );

  it("keeps the region and the tags of an existing resource group", () => {
    const group = { location: "northeurope", tags: { owner: "ops", "azd-env-name": "dev" } };
    const { stdout, changes } = run("--environment dev --yes", { group });
    expect(stdout).toContain("resource group rg-dev, which exists:");
    expect(changes.map(({ args }) => args.split(" ")[0])).toEqual(["deployment"]);
    expect(changes[0]?.parameters).toMatchObject({ tags: { value: group.tags } });
  });

  it("registers the callers as well, where they are to be app registrations", () => {
    const more = `--caller-credential federated-identity --service-management-reference ${ids.api} --subscription ${ids.tenant}`;
    const { stdout, calls, changes } = run(`${NEW} ${more} --yes`);
    expect(calls[0]?.args).toContain(`account show --subscription ${ids.tenant} `);
    expect(changes[1]?.parameters).toMatchObject({
      callerCredential: { value: "federated-identity" },
      serviceManagementReference: { value: ids.api },
    });
    expect(stdout).toContain("  an app registration for caller-func as a caller, which trusts its identity\n");
    expect(stdout).toContain(
      `  RESTRICTED_CALLER_CREDENTIAL=federated-identity\n  RESTRICTED_CALLER_CLIENT_IDS='{"caller-func":"${ids.api}"}'\n`,
    );
  });

  it.each([
    ["no environment", "--yes", /--environment must be the name of an azd environment/],
    ["an environment that names no resource group", "--environment dev;id --yes", /but is "dev;id"/],
    ["a region in words", "--environment dev --location West-Europe --yes", /--location must be a region/],
    ["a subscription by name", `${NEW} --subscription Prod --yes`, /--subscription must be the id/],
    ["another credential", `${NEW} --caller-credential secret --yes`, /managed-identity or federated-identity/],
    ["an option that there is not", `${NEW} --force`, /--force/],
  ])("is called wrongly with %s: asks Azure nothing", (_what, args, message) => {
    const { status, stderr, calls } = run(args);
    expect({ status, calls }).toEqual({ status: 2, calls: [] });
    expect(stderr).toMatch(message);
  });

  it("changes nothing where the region of a new resource group is not given", () => {
    const { status, stderr, changes } = run("--environment dev --yes");
    expect({ status, changes }).toEqual({ status: 2, changes: [] });
    expect(stderr).toContain("--location westeurope");
  });

  it("changes nothing in another cloud", () => {
    const { status, stderr, changes } = run(`${NEW} --yes`, { cloud: "AzureUSGovernment" });
    expect({ status, changes }).toEqual({ status: 1, changes: [] });
    expect(stderr).toContain("public cloud only");
  });

  it("stops where az fails, and leaves its message on the screen", () => {
    const { status, stdout, stderr } = run(`${NEW} --yes`, { fails: "deployment group" });
    expect(status).toBe(1);
    expect(stderr).toContain("ERROR: (AuthorizationFailed)\naz deployment group create failed: see its message above.");
    expect(stdout).not.toContain("Deployed");
    expect(existsSync(join(script, "..", "..", ".local", "entra", "parameters.json"))).toBe(false);
  });
});
