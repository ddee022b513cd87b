/** Deploys the Entra part alone, as a directory administrator: `npm run entra`. */
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { command, UsageError } from "../tools/command-line.ts";
import { environmentFor } from "../tools/environment.mjs";
import { accessPolicy, apiNames, callerNames, serviceNames } from "../tools/access-policy.ts";
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { writeFileSync } from "../tools/write-file.ts";
import { ENVIRONMENT_NAME, GUID } from "./hooks/environment.ts";
import { publicCloud } from "./public-cloud.ts";

const USAGE = `Usage: npm run entra -- --environment <name> [--location <region>] [--yes]

Deploys the Entra part of an environment, as a directory administrator: the services' identities, the app registrations, and
who is assigned which app role. Whoever deploys the rest needs no right in the directory then. Removes nothing. Signs in as
az does (az login). Prints what it will do, and asks.

  --environment <name>   the environment, as azd knows it
  --location <region>    needed where the resource group rg-<name> is not there yet
  --subscription <id>    az's current one if not given
  --caller-credential <kind>
                         as RESTRICTED_CALLER_CREDENTIAL: managed-identity if not given, or federated-identity
  --service-management-reference <id>
                         as RESTRICTED_SERVICE_MANAGEMENT_REFERENCE, for tenants that ask for one
  --yes                  does not ask
  --help                 show this text

Exit code 0: deployed. 1: not deployed, and why. 2: called wrongly, nothing was done.
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
async function deploy(wanted: Wanted, isAsked: boolean): Promise<number> {
  const { environment, callerCredential, serviceManagementReference } = wanted;
  const account = currentAccount(wanted.subscription);
  const name = `rg-${environment}`;
  const within = ["--subscription", account.id];
  const isThere = az("group", "exists", "--name", name, ...within).trim() === "true";
  const group = isThere ? (JSON.parse(az("group", "show", "--name", name, ...within)) as Group) : undefined;
  const location = group?.location ?? wanted.location;
  if (location === undefined) {
    throw new UsageError(
      `The resource group ${name} is not there yet: name its region, such as --location westeurope.`,
    );
  }
  const inGroup = isThere ? `${name}, which is there` : `${name}, which is made in ${location}`;
  console.log(
    [
      `In the tenant ${account.tenantId}, and in the subscription ${account.name} (${account.id}), resource group ${inGroup}:`,
      ...plan(callerCredential).map((line) => `  ${line}`),
      "What is there already is brought up to date. Nothing is removed.",
    ].join("\n"),
  );
  if (isAsked && !(await saysYes())) {
    console.error("Nothing was done. To go on, answer yes, or give --yes.");
    return 1;
  }
  const tags = { ...group?.tags, "azd-env-name": environment };
  if (group === undefined)
    az("group", "create", "--name", name, "--location", location, "--tags", `azd-env-name=${environment}`, ...within);
  const parameters = { environmentName: environment, tags, callerCredential, serviceManagementReference };
  const { apiClientIds, callerClientIds } = deployTemplate(name, within, parameters);
  console.log(`Deployed. Whoever deploys the rest takes over, in the azd environment or in a pipeline's AZD_PARAMETERS:
  RESTRICTED_API_CLIENT_IDS='${JSON.stringify(apiClientIds.value)}'`);
  if (callerCredential === "federated-identity") {
    console.log(`  RESTRICTED_CALLER_CREDENTIAL=${callerCredential}
  RESTRICTED_CALLER_CLIENT_IDS='${JSON.stringify(callerClientIds.value)}'`);
  }
  return 0;
}

/** What the template makes, in words: infra/entra.bicep. */
function plan(callerCredential: Wanted["callerCredential"]): string[] {
  const isFederated = callerCredential === "federated-identity";
  const apis = apiNames().map((name) => ({ name, ...accessPolicy.services[name as ServiceName] }));
  return [
    ...serviceNames.map((name) => `an identity for ${name}`),
    ...apis.map(
      ({ name, roles }) =>
        `an app registration for ${name}, with the app roles ${Object.keys(roles).join(", ")}; no token without one`,
    ),
    ...(isFederated
      ? callerNames().map((name) => `an app registration that ${name} calls as, which trusts its identity`)
      : []),
    ...apis.flatMap(({ name, callers }) =>
      Object.entries(callers).map(
        ([caller, roles]) =>
          `for the ${isFederated ? "app registration" : "identity"} of ${caller} the app roles ${roles.join(", ")} of ${name}`,
      ),
    ),
  ];
}

/** @throws Error where nobody is signed in, or in another cloud (public-cloud.ts) */
function currentAccount(subscription: string | undefined): Account {
  const of = subscription === undefined ? [] : ["--subscription", subscription];
  const account = JSON.parse(az("account", "show", ...of)) as Account;
  if (account.environmentName === publicCloud.name) return account;
  throw new Error(
    `This system deploys to the public cloud only, and az is set to ${account.environmentName}: az cloud set`,
  );
}

function deployTemplate(group: string, within: readonly string[], parameters: object): Outputs {
  // Relative, and in a file: on Windows the arguments go through a shell.
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

/** @throws Error where az is not there, or fails: it has said why */
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

/** Asks on the terminal; the end of the input is a no. */
async function saysYes(): Promise<boolean> {
  process.stdout.write("Go on? (yes/no) ");
  for await (const line of createInterface({ input: process.stdin })) return line.trim() === "yes";
  return false;
}

/** @throws UsageError where a value is not of the form: on Windows it goes through a shell */
function checked(option: string, value: string | undefined, form: RegExp, what: string): void {
  if (value === undefined || form.test(value)) return;
  throw new UsageError(`${option} is ${what}, and not "${value}". --help shows the usage.`);
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
  checked("--environment", environment, ENVIRONMENT_NAME, "the name of an azd environment");
  checked("--location", location, /^[a-z0-9]+$/, "a region, such as westeurope");
  checked("--subscription", subscription, GUID, "the id of a subscription");
  checked(
    "--caller-credential",
    credential,
    /^(managed|federated)-identity$/,
    "managed-identity or federated-identity",
  );
  checked("--service-management-reference", reference, GUID, "a GUID");
  const callerCredential = credential === "federated-identity" ? credential : "managed-identity";
  return deploy({ environment, location, subscription, callerCredential, serviceManagementReference: reference }, !yes);
});
