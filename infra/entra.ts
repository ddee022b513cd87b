/** Deploys the Entra part alone, for a directory administrator: `npm run entra`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { command, UsageError } from "../tools/command-line.ts";
import { environmentFor } from "../tools/environment.mjs";
import { accessPolicy, serviceNames } from "../tools/access-policy.ts";
import { callerNames, isApi, type Policy, type ServicePolicy } from "@restricted-calls/shared/access-policy";
import { writeFileSync } from "../tools/write-file.ts";
import { ENVIRONMENT_NAME, GUID } from "./hooks/environment.ts";
import { publicCloud } from "./public-cloud.ts";

const USAGE = `Usage: npm run entra -- --environment <name> [--location <region>] [--yes]

Deploys the Entra part of an environment, for a directory administrator: the services' identities, the app registrations,
and the app role assignments. The person or pipeline that deploys the rest then needs no permission in the directory.
Removes nothing. Uses the account of az (az login). Prints what it will do, and asks.

  --environment <name>   the name of the azd environment
  --location <region>    needed if the resource group rg-<name> does not exist yet. Where a policy requires tags, create the group
                         with them first: everything here takes its tags
  --subscription <id>    the current one of az if not given
  --caller-credential <kind>
                         as RESTRICTED_CALLER_CREDENTIAL: managed-identity if not given, or federated-identity
  --service-management-reference <id>
                         as RESTRICTED_SERVICE_MANAGEMENT_REFERENCE, for tenants that require one
  --yes                  does not ask
  --help                 show this text

Exit code 0: deployed. 1: not deployed; the message says why. 2: wrong arguments, nothing was done.
`;

const root = join(import.meta.dirname, "..");

interface Wanted {
  readonly environment: string;
  readonly location: string | undefined;
  readonly subscription: string | undefined;
  readonly callerCredential: "managed-identity" | "federated-identity";
  readonly serviceManagementReference: string | undefined;
}

interface Account {
  readonly id: string;
  readonly name: string;
  readonly tenantId: string;
  readonly environmentName: string;
}

interface Group {
  readonly location: string;
  readonly tags: Readonly<Record<string, string>> | null;
}

interface Outputs {
  readonly apiClientIds: { readonly value: Readonly<Record<string, string>> };
  readonly callerClientIds: { readonly value: Readonly<Record<string, string>> };
}

/** @returns the exit code */
async function deploy(wanted: Wanted, asksFirst: boolean): Promise<number> {
  const { environment, callerCredential, serviceManagementReference } = wanted;
  const account = currentAccount(wanted.subscription);
  const name = `rg-${environment}`;
  const within = ["--subscription", account.id];
  const exists = az("group", "exists", "--name", name, ...within).trim() === "true";
  const group = exists ? (JSON.parse(az("group", "show", "--name", name, ...within)) as Group) : undefined;
  const location = group?.location ?? wanted.location;
  if (location === undefined) {
    throw new UsageError(
      `The resource group ${name} does not exist yet: name its region, such as --location westeurope.`,
    );
  }
  const inGroup = exists ? `${name}, which exists` : `${name}, which will be created in ${location}`;
  console.log(
    [
      `In the tenant ${account.tenantId}, and in the subscription ${account.name} (${account.id}), resource group ${inGroup}:`,
      ...plan(callerCredential).map((line) => `  ${line}`),
      "Existing ones are updated. Nothing is removed.",
    ].join("\n"),
  );
  if (asksFirst && !(await isConfirmed())) {
    console.error("Nothing was done. To continue, answer yes, or pass --yes.");
    return 1;
  }
  const tags = { ...group?.tags, "azd-env-name": environment };
  if (group === undefined)
    az("group", "create", "--name", name, "--location", location, "--tags", `azd-env-name=${environment}`, ...within);
  const parameters = { environmentName: environment, tags, callerCredential, serviceManagementReference };
  const { apiClientIds, callerClientIds } = deployTemplate(name, within, parameters);
  console.log(`Deployed. For the deployment of the rest, set in the azd environment or in a pipeline's AZD_PARAMETERS:
  RESTRICTED_API_CLIENT_IDS='${JSON.stringify(apiClientIds.value)}'`);
  if (callerCredential === "federated-identity") {
    console.log(`  RESTRICTED_CALLER_CREDENTIAL=${callerCredential}
  RESTRICTED_CALLER_CLIENT_IDS='${JSON.stringify(callerClientIds.value)}'`);
  }
  return 0;
}

/** The resources of infra/entra.bicep, in words. */
function plan(callerCredential: Wanted["callerCredential"]): string[] {
  const isFederated = callerCredential === "federated-identity";
  const apis = Object.entries<ServicePolicy>(accessPolicy.services)
    .filter(([name]) => isApi(accessPolicy, name))
    .map(([name, { roles, callers }]) => ({ name, roles, callers }));
  return [
    ...serviceNames.map((name) => `an identity for ${name}`),
    ...apis.map(
      ({ name, roles }) =>
        `an app registration for ${name}, with the app roles ${Object.keys(roles).join(", ")}; Entra ID issues no token without one`,
    ),
    ...(isFederated
      ? callerNames(accessPolicy).map(
          (name) => `an app registration for ${name} as a caller, which trusts its identity`,
        )
      : []),
    ...apis.flatMap(({ name, callers }) =>
      Object.entries(callers).map(
        ([caller, roles]) =>
          `for the ${principalOf(caller, isFederated)} of ${caller} the app roles ${roles.join(", ")} of ${name}`,
      ),
    ),
  ];
}

function principalOf(caller: string, isFederated: boolean): string {
  const { externalCallers = {} }: Policy = accessPolicy;
  const external = externalCallers[caller];
  if (external !== undefined) return `service principal ${external.objectId}`;
  return isFederated ? "app registration" : "identity";
}

/** @throws Error if az is not signed in, or is set to another cloud (public-cloud.ts) */
function currentAccount(subscription: string | undefined): Account {
  const of = subscription === undefined ? [] : ["--subscription", subscription];
  const account = JSON.parse(az("account", "show", ...of)) as Account;
  if (account.environmentName === publicCloud.name) return account;
  throw new Error(
    `This system deploys to the public cloud only, and az is set to ${account.environmentName}: az cloud set`,
  );
}

function deployTemplate(group: string, within: readonly string[], parameters: object): Outputs {
  // A file with a relative path: on Windows a shell reads the arguments.
  const file = ".local/entra/parameters.json";
  const values = Object.entries(parameters).filter(([, value]) => value !== undefined);
  mkdirSync(join(root, ".local", "entra"), { recursive: true });
  writeFileSync(
    join(root, file),
    JSON.stringify({
      $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentParameters.json#",
      contentVersion: "1.0.0.0",
      parameters: Object.fromEntries(values.map(([name, value]) => [name, { value: value as unknown }])),
    }),
  );
  try {
    const template = ["--template-file", "infra/entra.bicep", "--parameters", `@${file}`];
    const outputs = ["--query", "properties.outputs"];
    const args = ["--resource-group", group, ...within, ...template, ...outputs];
    return JSON.parse(az("deployment", "group", "create", ...args)) as Outputs;
  } finally {
    rmSync(join(root, file));
  }
}

/** @throws Error if az is missing or fails; az prints why */
function az(...args: readonly string[]): string {
  const { error, status, stdout } = spawnSync("az", [...args, "--output", "json", "--only-show-errors"], {
    cwd: root,
    encoding: "utf8",
    env: environmentFor("terminal", "internet", "azure"),
    stdio: ["ignore", "pipe", "inherit"],
    shell: process.platform === "win32",
  });
  if (error !== undefined) throw new Error(`az cannot be run (${error.message}): https://aka.ms/azure-cli`);
  if (status !== 0) throw new Error(`az ${args.slice(0, 3).join(" ")} failed: see its message above.`);
  return stdout;
}

/** Asks on the terminal. The end of the input means no. */
async function isConfirmed(): Promise<boolean> {
  process.stdout.write("Continue? (yes/no) ");
  for await (const line of createInterface({ input: process.stdin })) return line.trim() === "yes";
  return false;
}

/** @throws UsageError if a value does not have the form: on Windows a shell reads it */
function requireForm(option: string, value: string | undefined, form: RegExp, what: string): void {
  if (value === undefined || form.test(value)) return;
  throw new UsageError(`${option} must be ${what}, but is "${value}". --help shows the usage.`);
}

const options = {
  environment: { type: "string", default: "" },
  location: { type: "string" },
  subscription: { type: "string" },
  "caller-credential": { type: "string", default: "managed-identity" },
  "service-management-reference": { type: "string" },
  yes: { type: "boolean", default: false },
} as const;

await command(USAGE, { options }, ({ values }) => {
  const { environment, location, subscription, "caller-credential": credential, yes } = values;
  const reference = values["service-management-reference"];
  requireForm("--environment", environment, ENVIRONMENT_NAME, "the name of an azd environment");
  requireForm("--location", location, /^[a-z0-9]+$/, "a region, such as westeurope");
  requireForm("--subscription", subscription, GUID, "the id of a subscription");
  requireForm(
    "--caller-credential",
    credential,
    /^(managed|federated)-identity$/,
    "managed-identity or federated-identity",
  );
  requireForm("--service-management-reference", reference, GUID, "a GUID");
  const callerCredential = credential === "federated-identity" ? credential : "managed-identity";
  return deploy({ environment, location, subscription, callerCredential, serviceManagementReference: reference }, !yes);
});
