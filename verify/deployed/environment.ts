/** What was deployed, read from the azd environment. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import * as v from "valibot";
import { existingSubnets } from "../../infra/existing-subnets.ts";
import { environmentFor } from "../../tools/environment.mjs";
import { accessPolicy } from "../../tools/access-policy.ts";

/** The verification of a deployment cannot start. The message says what to do. */
export class CannotStartError extends Error {
  override readonly name = "CannotStartError";
}

/** The values of an azd environment, by name. */
export type EnvironmentValues = Readonly<Record<string, string | undefined>>;

export interface Deployment {
  /** The environment's name. */
  readonly environment: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly tenantId: string;
  /** The suffix of every resource name of this environment. */
  readonly suffix: string;
  /** The services of the access policy, each with its site and its origin. */
  readonly services: readonly DeployedService[];
  /** Who may reach the SCM sites, and who the services without roles, in CIDR notation. */
  readonly deployerRanges: readonly string[];
  readonly ingressRanges: readonly string[];
  /** The resource ids of subnets that another team owns, by service, and of its workspace; null for one of this deployment. */
  readonly existingSubnets: Readonly<Record<string, string | undefined>>;
  readonly existingWorkspaceId: string | null;
  readonly planKind: "ElasticPremium" | "Dedicated";
  readonly callerCredential: "managed-identity" | "federated-identity";
  readonly appServiceAuthentication: boolean;
  /** Whether a directory administrator deploys the app registrations. */
  readonly directoryIsPrepared: boolean;
}

export interface DeployedService {
  readonly name: string;
  readonly siteName: string;
  /** The origin. */
  readonly url: string;
}

/**
 * Asks azd for the values of the selected environment. Without azd or an environment, as in a pipeline, uses the process's
 * environment variables.
 *
 * @throws CannotStartError if neither has a deployment
 */
export async function azdValues(): Promise<EnvironmentValues> {
  try {
    const args = ["env", "get-values", "--output", "json", "--no-prompt"];
    const { stdout } = await promisify(execFile)("azd", args, { env: environmentFor("internet", "azure") });
    return v.parse(v.record(v.string(), v.string()), JSON.parse(stdout));
  } catch {
    if (process.env["SERVICES"] !== undefined) return process.env;
    throw new CannotStartError(
      "There is no deployment to verify: 'azd env get-values' gave nothing, and the environment has no SERVICES. " +
        "Select the azd environment of a deployment in this folder: azd env select <name>; or deploy one: azd up",
    );
  }
}

/**
 * Reads an environment's values.
 *
 * @throws CannotStartError if a value is missing, or is not from a deployment of this policy
 */
export function readDeployment(values: EnvironmentValues): Deployment {
  const needed = (name: string): string => {
    const value = values[name] ?? "";
    if (value !== "") return value;
    throw new CannotStartError(`The azd environment has no ${name}: deploy it with this version first, by azd up`);
  };
  const given = (name: string): string | null => (values[name] === "" ? null : (values[name] ?? null));
  const list = (name: string): string[] => (values[name] ?? "").split(",").filter((range) => range !== "");
  const services = readServices(needed("SERVICES"));
  const deployerRanges = list("RESTRICTED_DEPLOYER_ADDRESS_RANGES");
  const ingressRanges = list("RESTRICTED_INGRESS_ADDRESS_RANGES");
  return {
    environment: needed("AZURE_ENV_NAME"),
    subscriptionId: needed("AZURE_SUBSCRIPTION_ID"),
    resourceGroup: needed("AZURE_RESOURCE_GROUP"),
    tenantId: needed("AZURE_TENANT_ID"),
    suffix: suffixOf(services),
    services,
    deployerRanges,
    ingressRanges: ingressRanges.length > 0 ? ingressRanges : deployerRanges,
    existingSubnets: readSubnets(values["RESTRICTED_EXISTING_SUBNETS"]),
    existingWorkspaceId: given("RESTRICTED_EXISTING_WORKSPACE"),
    planKind: (values["RESTRICTED_PLAN_SKU"] ?? "EP1").startsWith("P") ? "Dedicated" : "ElasticPremium",
    callerCredential:
      values["RESTRICTED_CALLER_CREDENTIAL"] === "federated-identity" ? "federated-identity" : "managed-identity",
    appServiceAuthentication: values["RESTRICTED_APP_SERVICE_AUTHENTICATION"] === "true",
    directoryIsPrepared: !["", "{}"].includes(values["RESTRICTED_API_CLIENT_IDS"] ?? ""),
  };
}

function readSubnets(text: string | undefined): Readonly<Record<string, string>> {
  const subnets = existingSubnets(text);
  if (subnets !== undefined) return subnets;
  throw new CannotStartError(
    "RESTRICTED_EXISTING_SUBNETS of the azd environment is no JSON object of resource ids by service: azd provision",
  );
}

const serviceList = v.array(v.object({ name: v.string(), siteName: v.string(), url: v.pipe(v.string(), v.url()) }));

function readServices(text: string): readonly DeployedService[] {
  const services = parsedServices(text);
  const deployed = services.map(({ name }) => name).sort();
  const wanted = Object.keys(accessPolicy.services).sort();
  if (deployed.join() === wanted.join()) return services;
  throw new CannotStartError(
    `What is deployed (${deployed.join(", ")}) is not what the access policy names (${wanted.join(", ")}): azd up`,
  );
}

function parsedServices(text: string): readonly DeployedService[] {
  try {
    return v.parse(serviceList, JSON.parse(text));
  } catch {
    throw new CannotStartError("SERVICES of the azd environment is not the output of infra/main.bicep: azd provision");
  }
}

function suffixOf(services: readonly DeployedService[]): string {
  const [suffix = "", ...others] = new Set(
    services.map(({ name, siteName }) => (siteName.startsWith(`${name}-`) ? siteName.slice(name.length + 1) : "")),
  );
  if (suffix !== "" && others.length === 0) return suffix;
  throw new CannotStartError("The sites of SERVICES are not named as infra/main.bicep names them: azd provision");
}
