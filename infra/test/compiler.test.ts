import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { apiNames, callerNames, type Policy, settingPrefix } from "@restricted-calls/shared/access-policy";
import { accessPolicy, serviceNames } from "../../tools/access-policy.ts";
import { type Bicep, bicepOfCheck } from "../bicep.ts";
import { evaluate, evaluated, type Scratch, scratchCopy } from "../evaluate.ts";
import { broken } from "../invariants/index.ts";
import { accessRestrictionsOf, readSnapshot, resources, siteOf, type Snapshot, subnetIdOf } from "../snapshot.ts";
import { expectedOf } from "./expected.ts";

const bicep = bicepOfCheck();

describe.skipIf(bicep === undefined)("the compiler", { tags: "needs-bicep", timeout: 120_000 }, () => {
  let scratch: Scratch;

  beforeEach(() => {
    scratch = scratchCopy();
  });

  afterEach(() => {
    scratch.remove();
  });

  it("takes the template of docs/when-not-to-use-this.md, without any diagnostic", () => {
    const page = readFileSync(join(import.meta.dirname, "..", "..", "docs", "when-not-to-use-this.md"), "utf8");
    const template = /^```bicep\n(.*?)^```$/ms.exec(page)?.[1] ?? "";
    const lines = template.split("\n").filter((line) => line.trim() !== "");
    expect(lines.length).toBeGreaterThan(50);
    expect(lines.length, "some 60 lines").toBeLessThan(75);
    writeFileSync(join(scratch.infra, "simple.bicep"), template);
    const { stderr, exitCode } = there(bicep).run(["build", "simple.bicep", "--stdout"], scratch.infra);
    expect({ stderr, exitCode }).toEqual({ stderr: "", exitCode: 0 });
  });

  it("makes a third service out of an entry in the policy alone, and moves no existing subnet", () => {
    const policy = JSON.parse(readFileSync(scratch.policyFile, "utf8")) as Policy;
    const [role = ""] = Object.keys(policy.services["callee-func"]?.roles ?? {});
    const services = {
      ...policy.services,
      // Its name sorts before the others': an order that a place by position would not survive.
      "billing-func": {
        subnet: 5,
        roles: { "Invoice.Write": { id: "00000000-0000-0000-0000-00000000000a", description: "Write an invoice" } },
        callers: { "caller-func": ["Invoice.Write"] },
      },
      "callee-func": {
        ...policy.services["callee-func"],
        callers: { ...policy.services["callee-func"]?.callers, "billing-func": [role] },
      },
    };
    writeFileSync(scratch.policyFile, JSON.stringify({ ...policy, services }));
    const ownOptions = { outboundDestinations: [{ to: "Sql", port: 1433 }] };
    const serviceOptions = { ...expectedOf("default").serviceOptions, "billing-func": ownOptions };
    writeFileSync(join(scratch.infra, "service-options.json"), JSON.stringify(serviceOptions));
    const snapshot = evaluated(there(bicep), scratch, "default");

    // Plan, subnet, where it may call, identity, storage, site, restrictions, app registration, role assignments, logs: all
    // invariants.
    const expected = { ...expectedOf("default"), policy: { services } as Policy, serviceOptions };
    expect(broken(snapshot, expected)).toEqual({});
    expect(resources(snapshot, "Microsoft.Web/sites")).toHaveLength(Object.keys(services).length);
    const letIn = (service: string): (string | undefined)[] =>
      accessRestrictionsOf(snapshot, service)
        .ipSecurityRestrictions?.filter(({ action }) => action === "Allow")
        .map(({ vnetSubnetResourceId }) => vnetSubnetResourceId) ?? [];
    expect(letIn("billing-func")).toEqual([subnetIdOf(snapshot, "caller-func")]);
    const callers = Object.keys(services["callee-func"].callers).sort();
    expect(letIn("callee-func")).toEqual(callers.map((name) => subnetIdOf(snapshot, name)));

    const before = addressPrefixes(readSnapshot("default"));
    expect(addressPrefixes(snapshot)).toEqual({ ...before, "billing-func": "10.0.5.0/26" });
    const kept = readSnapshot("default").predictedResources.filter(({ id }) => id !== undefined);
    const ids = new Set(snapshot.predictedResources.map(({ id }) => id));
    expect(kept.filter(({ id }) => !ids.has(id))).toEqual([]);
  });

  it("names a caller's settings by the service's name without a trailing -func, and by no other rule", () => {
    const policy = JSON.parse(readFileSync(scratch.policyFile, "utf8")) as Policy;
    const names = ["ledger-functions", "pay-func-eu", "func-a", "billing", "pay-func"];
    const added = names.map((name, i) => {
      const role = { id: `00000000-0000-0000-0000-00000000000${i + 1}`, description: "Call it" };
      return [name, { subnet: 10 + i, roles: { Call: role }, callers: { "caller-func": ["Call"] } }] as const;
    });
    const services = { ...policy.services, ...Object.fromEntries(added) };
    writeFileSync(scratch.policyFile, JSON.stringify({ ...policy, services }));
    const snapshot = evaluated(there(bicep), scratch, "default");

    const settings = siteOf(snapshot, "caller-func")?.properties?.siteConfig?.appSettings ?? [];
    const prefixes = settings.flatMap(({ name }) => /^(.*)_SCOPE$/.exec(name)?.[1] ?? []);
    expect(prefixes.sort()).toEqual(["BILLING", "CALLEE", "FUNC_A", "LEDGER_FUNCTIONS", "PAY", "PAY_FUNC_EU"]);
    expect(prefixes).toEqual(["callee-func", ...names].map(settingPrefix).sort());
    expect(broken(snapshot, { ...expectedOf("default"), policy: { services } })).toEqual({});
  });

  it("lets no service option take the place of a setting that the templates make", () => {
    const file = join(scratch.infra, "service-options.json");
    const options = JSON.parse(readFileSync(file, "utf8")) as Record<string, { settings: Record<string, string> }>;
    const owned = { AZURE_TENANT_ID: "another", WEBSITE_RUN_FROM_PACKAGE: "https://example.com/other.zip" };
    Object.assign(options["callee-func"]?.settings ?? {}, owned);
    writeFileSync(file, JSON.stringify(options));
    expect(evaluated(there(bicep), scratch, "default")).toEqual(readSnapshot("default"));
  });

  it("creates a network for the services that bring no subnet along", () => {
    const [brought = ""] = serviceNames;
    const id = "/subscriptions/5/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/s";
    const file = join(scratch.infra, "snapshots", "default.bicepparam");
    writeFileSync(file, `${readFileSync(file, "utf8")}\nparam existingSubnets = { '${brought}': '${id}' }\n`);
    const snapshot = evaluated(there(bicep), scratch, "default");
    const { parameters, ...expected } = expectedOf("default");
    expect(
      broken(snapshot, { ...expected, parameters: { ...parameters, existingSubnets: { [brought]: id } } }),
    ).toEqual({});
    const { [brought]: _, ...others } = addressPrefixes(readSnapshot("default"));
    expect(addressPrefixes(snapshot)).toEqual(others);
  });

  it("makes larger subnets out of more instances, each from where it was", () => {
    const before = addressPrefixes(readSnapshot("default"));
    replaceIn(scratch, "main.bicep", "maximumInstances: 20", "maximumInstances: 100");
    const prefixes = Object.entries(before).map(([name, prefix]) => [name, prefix?.replace("/26", "/24")]);
    expect(addressPrefixes(evaluated(there(bicep), scratch, "default"))).toEqual(Object.fromEntries(prefixes));
  });

  it.each([
    [
      "a subnet that is too small for the instances",
      "dedicated",
      "instances: 2",
      "instances: 30",
      /A \/27 subnet has 32 addresses, but 30 instances need 65: lower subnetPrefixLength/,
    ],
    [
      "a zone-redundant plan of one instance",
      "everything",
      "minimumInstances: 3",
      "minimumInstances: 1",
      /A zone-redundant plan needs at least 2 instances, but the minimum is 1/,
    ],
    [
      "a maximum below the minimum",
      "everything",
      "maximumInstances: 40",
      "maximumInstances: 2",
      /a maximumInstances of 2, which is below its minimumInstances of 3/,
    ],
    [
      "a prepared directory without a client id",
      "dedicated",
      "!empty(service.value.roles)",
      "service.key == 'other-func'",
      /no apiClientIds for .*callee-func/,
    ],
    [
      "a prepared directory without a caller's client id",
      "dedicated",
      "param subnetPrefixLength",
      "param callerCredential = 'federated-identity'\nparam subnetPrefixLength",
      /no callerClientIds for .*caller-func/,
    ],
    ["a size that Elastic Premium does not have", "everything", "sku: 'EP3'", "sku: 'EP4'", /'EP1' \| 'EP2' \| 'EP3'/],
    ["a plan of no known kind", "everything", "kind: 'ElasticPremium'", "kind: 'Consumption'", /BCP036/],
  ] as const)("refuses %s", (_what, name, from, to, message) => {
    replaceIn(scratch, join("snapshots", `${name}.bicepparam`), from, to);
    expect(() => evaluate(there(bicep), scratch, name)).toThrow(message);
  });

  it("takes an empty value of the azd environment for a missing one, for every parameter", () => {
    const text = readFileSync(join(scratch.infra, "main.bicepparam"), "utf8");
    const names = [...text.matchAll(/readEnvironmentVariable\('(?!AZURE_)(\w+)'/g)].map(([, name = ""]) => name);
    const unset = parameters(scratch, {});
    expect(parameters(scratch, Object.fromEntries(names.map((name) => [name, ""])))).toEqual(unset);
  });

  it("takes RESTRICTED_API_CLIENT_IDS without any id for a directory that nobody has prepared", () => {
    expect(parameters(scratch, { RESTRICTED_API_CLIENT_IDS: "{ }" })["entra"]).toEqual({ value: { kind: "Deployed" } });
  });

  it.each([
    ["default", ""],
    [
      "everything",
      `param callerCredential = 'federated-identity'
       param serviceManagementReference = '00000000-0000-0000-0000-000000000003'`,
    ],
  ] as const)(
    "splits one deployment in two, a directory administrator's and one that has nothing in the directory: %s",
    (name, ofDirectory) => {
      const whole = readSnapshot(name);
      const clientIds = (services: readonly string[]): string =>
        `{ ${services.map((service) => `'${service}': '0'`).join(", ")} }`;
      const prepared = `param entra = { kind: 'Prepared', apiClientIds: ${clientIds(apiNames(accessPolicy))}, callerClientIds: ${clientIds(callerNames(accessPolicy))} }`;
      const files = join(scratch.infra, "snapshots");
      const parameters = readFileSync(join(files, `${name}.bicepparam`), "utf8");
      writeFileSync(join(files, "pipeline.bicepparam"), `${parameters}\n${prepared}\n`);
      const pipeline = evaluated(there(bicep), scratch, "pipeline");

      const identities = ofType(pipeline, "Microsoft.ManagedIdentity/");
      const tags = `param tags = ${JSON.stringify(identities[0]?.tags).replaceAll('"', "'").replaceAll(",", "\n")}`;
      const administrator = `using '../entra.bicep'\nparam environmentName = 'snapshot'\n${tags}\n${ofDirectory}\n`;
      writeFileSync(join(files, "administrator.bicepparam"), administrator);
      const directory = evaluated(there(bicep), scratch, "administrator", "rg-snapshot");

      expect(ofType(pipeline, "Microsoft.Graph/")).toEqual([]);
      expect(ofType(whole, "Microsoft.Graph/")).not.toEqual([]);
      expect(ofType(directory, "Microsoft.Graph/")).toEqual(ofType(whole, "Microsoft.Graph/"));
      expect(identities).toHaveLength(serviceNames.length);
      expect(ofType(directory, "Microsoft.ManagedIdentity/")).toEqual(identities);
      expect(directory.predictedResources).toHaveLength(ofType(whole, "Microsoft.Graph/").length + identities.length);
      expect(ids(pipeline)).toEqual(ids(whole));
    },
  );

  it("asks a directory administrator for no client id of an external caller", ({ onTestFinished }) => {
    const example = scratchCopy(join(import.meta.dirname, "..", "..", "tools", "testing", "example"));
    onTestFinished(() => {
      example.remove();
    });
    const ids = "callerClientIds: { 'caller-func': '00000000-0000-0000-0000-000000000009' }\n}";
    const file = join("snapshots", "dedicated.bicepparam");
    replaceIn(example, file, "callerClientIds: {}\n}", `${ids}\nparam callerCredential = 'federated-identity'`);
    const settings = siteOf(evaluated(there(bicep), example, "dedicated"), "callee-func")?.properties?.siteConfig;
    expect(settings?.appSettings?.find(({ name }) => name === "ALLOWED_CALLERS")?.value).toBe(
      "77777777-7777-4777-8777-777777777771,00000000-0000-0000-0000-000000000009,88888888-8888-4888-8888-888888888881",
    );
  });

  it("refuses a role that the callee does not have", () => {
    const policy = JSON.parse(readFileSync(scratch.policyFile, "utf8")) as Policy;
    const callee = { ...policy.services["callee-func"], callers: { "caller-func": ["No.Such.Role"] } };
    const services = { ...policy.services, "callee-func": callee };
    writeFileSync(scratch.policyFile, JSON.stringify({ ...policy, services }));
    expect(() => evaluate(there(bicep), scratch, "default")).toThrow(/No\.Such\.Role/);
  });

  it("creates no site before the identities exist and hold their roles", () => {
    const template = JSON.parse(
      there(bicep).run(["build", "main.bicep", "--stdout"], scratch.infra).stdout,
    ) as Template;
    expect(tooEarly(template)).toEqual([]);

    const { service, ...others } = template.resources;
    const withoutRoles = { ...service, dependsOn: service?.dependsOn?.filter((name) => name !== "directory") ?? [] };
    expect(tooEarly({ resources: { ...others, service: withoutRoles } })).toEqual(["service before directory"]);
  });
});

/** What azd would deploy with, by the values of its environment. */
function parameters(scratch: Scratch, values: Readonly<Record<string, string>>): Record<string, unknown> {
  const environment = { AZURE_ENV_NAME: "check", AZURE_LOCATION: "westeurope", ...values };
  const run = there(bicep).run(["build-params", "main.bicepparam", "--stdout"], scratch.infra, environment);
  expect(run.stderr).toBe("");
  const { parametersJson } = JSON.parse(run.stdout) as { readonly parametersJson: string };
  return (JSON.parse(parametersJson) as { readonly parameters: Record<string, unknown> }).parameters;
}

function ofType(snapshot: Snapshot, prefix: string): Snapshot["predictedResources"] {
  return snapshot.predictedResources.filter(({ type }) => type.startsWith(prefix));
}

/** Of all resources that have one: those in the directory have none. */
function ids(snapshot: Snapshot): string[] {
  return snapshot.predictedResources.flatMap(({ id }) => id ?? []).sort();
}

interface Template {
  readonly resources: Readonly<Record<string, { readonly dependsOn?: readonly string[] }>>;
}

/** Modules that the template would deploy before one that they need. */
function tooEarly({ resources: modules }: Template): string[] {
  const order = [
    ["directory", "identities"],
    ["service", "identities"],
    ["service", "directory"],
  ] as const;
  return order.flatMap(([after, before]) =>
    modules[after]?.dependsOn?.includes(before) === true ? [] : [`${after} before ${before}`],
  );
}

function addressPrefixes(snapshot: Snapshot): Record<string, string | undefined> {
  const [network] = resources(snapshot, "Microsoft.Network/virtualNetworks");
  return Object.fromEntries(
    network?.properties?.subnets?.map(({ name = "?", properties }) => [name, properties?.addressPrefix] as const) ?? [],
  );
}

function replaceIn(scratch: Scratch, file: string, from: string, to: string): void {
  const path = join(scratch.infra, file);
  const text = readFileSync(path, "utf8");
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

function there(found: Bicep | undefined): Bicep {
  if (found === undefined) throw new Error("Run npm run infra:check: it finds the compiler for these tests.");
  return found;
}
