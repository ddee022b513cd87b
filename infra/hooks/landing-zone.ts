/**
 * Asks Resource Manager, before anything is deployed, about networks, a workspace and policies that another team owns. It changes
 * nothing.
 */
import type { Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { parseAddressRange } from "../../tools/address-ranges.ts";
import { reasonOf } from "../../tools/command-line.ts";
import { accessToken } from "../azd.ts";
import { existingSubnets, missingEndpoints } from "../existing-subnets.ts";
import { publicCloud } from "../public-cloud.ts";
import { type Environment, instancesSetting, isInGroup, maximumInstances } from "./environment.ts";

const { externalCallers = {} }: Policy = accessPolicy;

/** A response of Resource Manager: its HTTP status, and its body, parsed. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Sends a request to Resource Manager: GET, or POST with a body. */
export type Ask = (path: string, body?: object) => Promise<Answer>;

/** Milliseconds for one response. */
const TIMEOUT_MS = 30_000;

/** Asks with the token of the account that azd is signed in with; undefined if azd is missing or not signed in. */
export function resourceManager(): Ask | undefined {
  let token: string;
  try {
    token = accessToken();
  } catch {
    return undefined;
  }
  return async (path, body) => {
    const response = await fetch(`${publicCloud.resourceManager}${path}`, {
      method: body === undefined ? "GET" : "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
  };
}

export interface Findings {
  /** Each fault in one line, with the command that its owner can fix it by. */
  readonly faults: readonly string[];
  /** What could not be checked, and why. The deployment will tell. */
  readonly notChecked: readonly string[];
}

/**
 * Examines the subnets and the workspace that are brought along, the subnets of external callers, and whether a policy denies
 * public network access. A subnet or workspace that cannot be read is a fault. A network or policy that cannot be read is none.
 *
 * @param environment values that `mistakes` finds nothing wrong with
 * @throws Error if Resource Manager cannot be reached
 */
export async function examine(environment: Environment, ask: Ask): Promise<Findings> {
  const found: string[] = [];
  const notChecked = new Set<string>();
  const networks = new Map<string, Promise<Answer>>();
  for (const [service, id] of Object.entries(existingSubnets(environment["RESTRICTED_EXISTING_SUBNETS"]) ?? {})) {
    const networkId = id.split(/\/subnets\//i)[0] ?? id;
    const network = networks.get(networkId) ?? ask(`${networkId}?api-version=${NETWORK_API}`);
    networks.set(networkId, network);
    const [answer, ofNetwork] = await Promise.all([ask(`${id}?api-version=${NETWORK_API}`), network]);
    const lines = unreadable(answer, id, JOIN) ?? inSubnet(service, id, answer.body as Subnet, environment);
    const region = inNetwork(ofNetwork, environment);
    if ("notChecked" in region) notChecked.add(`the region of ${networkId}: ${region.notChecked}`);
    else lines.push(...region.faults);
    found.push(...lines.map((line) => `RESTRICTED_EXISTING_SUBNETS, ${service}: ${line}`));
  }
  for (const [caller, { subnet: id }] of Object.entries(externalCallers)) {
    if (id === undefined) continue;
    const answer = await ask(`${id}?api-version=${NETWORK_API}`);
    const lines = unreadable(answer, id, ADMIT) ?? inCallersSubnet(id, answer.body as Subnet);
    found.push(...lines.map((line) => `shared/access-policy.json, externalCallers.${caller}: ${line}`));
  }
  const { RESTRICTED_EXISTING_WORKSPACE: workspace = "" } = environment;
  if (workspace !== "") {
    const answer = await ask(`${workspace}?api-version=${WORKSPACE_API}`);
    const lines = unreadable(answer, workspace, "Log Analytics Contributor on it") ?? [];
    found.push(...lines.map((line) => `RESTRICTED_EXISTING_WORKSPACE: ${line}`));
  }
  try {
    found.push(...(await policyDenials(environment, ask)));
  } catch (error) {
    notChecked.add(`policies that deny public network access: ${reasonOf(error)}`);
  }
  return { faults: found, notChecked: [...notChecked] };
}

const NETWORK_API = "2025-01-01";
const WORKSPACE_API = "2025-07-01";
/** https://learn.microsoft.com/azure/app-service/overview-vnet-integration#permissions */
const JOIN =
  "Microsoft.Network/virtualNetworks/subnets/read, subnets/join/action and subnets/joinViaServiceEndpoint/action (Network Contributor on it)";
/** https://learn.microsoft.com/azure/app-service/app-service-ip-restrictions */
const ADMIT =
  "Microsoft.Network/virtualNetworks/subnets/read and subnets/joinViaServiceEndpoint/action (in Network Contributor)";

function unreadable({ status }: Answer, id: string, permission: string): string[] | undefined {
  if (status === 200) return undefined;
  if (status === 404) return [`there is no ${id}: correct the resource id`];
  if (status === 401 || status === 403) return [`you may not read ${id}: its owner grants you ${permission}`];
  return [`Resource Manager returned ${status} for ${id}: try again`];
}

interface Subnet {
  readonly properties: {
    readonly addressPrefix?: string;
    readonly addressPrefixes?: readonly string[];
    readonly delegations?: readonly { readonly properties: { readonly serviceName: string } }[];
    readonly serviceEndpoints?: readonly { readonly service: string }[];
    readonly serviceEndpointPolicies?: readonly unknown[];
    readonly serviceAssociationLinks?: readonly { readonly properties: { readonly link?: string | null } }[];
  };
}

interface Network {
  readonly location?: string;
}

/** As modules/network.bicep creates subnets. https://learn.microsoft.com/azure/app-service/overview-vnet-integration#subnet-requirements */
const DELEGATION = "Microsoft.Web/serverFarms";
const UPDATE = "az network vnet subnet update --ids";
const SERVICE_ENDPOINTS = ["Microsoft.Web", "Microsoft.Storage"];

function inSubnet(service: string, id: string, { properties }: Subnet, environment: Environment): string[] {
  const delegations = properties.delegations?.map((delegation) => delegation.properties.serviceName) ?? [];
  const prefixes = [properties.addressPrefix ?? [], properties.addressPrefixes ?? []].flat();
  const prefix = prefixes.find((range) => parseAddressRange(range)?.family === "ipv4") ?? "";
  const addresses = 2 ** (32 - (parseAddressRange(prefix)?.prefix ?? 32));
  // Azure reserves five, and upgrades double the instances (main.bicep).
  const instances = maximumInstances(environment);
  const needed = 2 * instances + 5;
  const plan = new RegExp(`/providers/microsoft.web/serverfarms/plan-${service}-[a-z0-9]+$`);
  const foreign = (properties.serviceAssociationLinks ?? [])
    .map(({ properties: { link } }) => link ?? "an unknown resource")
    .filter((link) => !isInGroup(link, environment) || !plan.test(link.toLowerCase()));
  return [
    ...(delegations.some((name) => name.toLowerCase() === DELEGATION.toLowerCase())
      ? []
      : [`the subnet is not delegated to ${DELEGATION}: its owner runs ${UPDATE} ${id} --delegations ${DELEGATION}`]),
    ...withoutEndpoints(id, properties, SERVICE_ENDPOINTS),
    ...(addresses >= needed
      ? []
      : [
          `the subnet ${prefix} has ${addresses} addresses, but ${instances} instances need ${needed}: bring a larger one, or lower ${instancesSetting(environment)}`,
        ]),
    ...(properties.serviceEndpointPolicies?.length
      ? ["the subnet has service endpoint policies, which integration subnets do not support: bring one without"]
      : []),
    ...foreign.map(
      (link) => `the subnet is in use by ${link}, whose apps would be taken for ${service}: bring one of its own`,
    ),
  ];
}

/** Calls carry the subnet of an external caller through the service endpoint only. */
function inCallersSubnet(id: string, { properties }: Subnet): string[] {
  return withoutEndpoints(id, properties, ["Microsoft.Web"]);
}

/** The command replaces the list: what is there stays in it. */
function withoutEndpoints(id: string, properties: Subnet["properties"], needed: readonly string[]): string[] {
  const endpoints = properties.serviceEndpoints?.map((endpoint) => endpoint.service) ?? [];
  const missing = missingEndpoints(endpoints, needed);
  if (missing.length === 0) return [];
  return [
    `the subnet lacks the service endpoint ${missing.join(" and ")}: its owner runs ${UPDATE} ${id} --service-endpoints ${[...endpoints, ...missing].join(" ")}`,
  ];
}

function inNetwork(
  { status, body }: Answer,
  { AZURE_LOCATION: region = "" }: Environment,
): Pick<Findings, "faults"> | { readonly notChecked: string } {
  const { location } = (body ?? {}) as Network;
  if (location === undefined) return { notChecked: `Resource Manager returned ${status}` };
  if (region === "") return { notChecked: "AZURE_LOCATION is not set yet" };
  const name = (text: string): string => text.toLowerCase().replaceAll(" ", "");
  if (name(location) === name(region)) return { faults: [] };
  return { faults: [`its network is in ${location}, but AZURE_LOCATION is ${region}: both must be in one region`] };
}

/**
 * A site whose public network access is off cannot be reached through service endpoints.
 *
 * @throws Error if the policies cannot be read
 */
async function policyDenials(environment: Environment, ask: Ask): Promise<string[]> {
  const { AZURE_ENV_NAME: name = "", AZURE_SUBSCRIPTION_ID: subscription = "", AZURE_LOCATION: location } = environment;
  if (subscription === "") throw new Error("AZURE_SUBSCRIPTION_ID is not set yet");
  const violated = async (publicNetworkAccess: string): Promise<string[]> => {
    const resourceContent = {
      type: "Microsoft.Web/sites",
      kind: "functionapp,linux",
      location,
      properties: { publicNetworkAccess },
    };
    const check = (scope: string): Promise<Answer> =>
      ask(`${scope}/providers/Microsoft.PolicyInsights/checkPolicyRestrictions?api-version=${POLICY_API}`, {
        resourceDetails: { resourceContent, apiVersion: "2025-03-01" },
      });
    // An exemption may be for the resource group. Before the first deployment there is none.
    const inGroup = await check(`/subscriptions/${subscription}/resourceGroups/rg-${name}`);
    const { status, body } = inGroup.status === 404 ? await check(`/subscriptions/${subscription}`) : inGroup;
    if (status !== 200) throw new Error(`Resource Manager returned ${status}`);
    const { contentEvaluationResult } = body as PolicyRestrictions;
    const evaluations = contentEvaluationResult?.policyEvaluations ?? [];
    return evaluations.filter(({ evaluationResult }) => evaluationResult === "NonCompliant").map(policyName);
  };
  const enabled = await violated("Enabled");
  if (enabled.length === 0) return [];
  const disabled = new Set(await violated("Disabled"));
  return [...new Set(enabled)]
    .filter((policy) => !disabled.has(policy))
    .map(
      (policy) =>
        `The policy ${policy} denies public network access on sites, which access restrictions need: get an exemption for it, or see docs/deploy-decisions.md, "Where a policy denies public network access"`,
    );
}

/** The assignment, and of an initiative also the policy in it: the others in it may deny something else. */
function policyName({ policyInfo }: PolicyEvaluation): string {
  const { policyAssignmentId = "of an unknown assignment", policyDefinitionReferenceId: inInitiative } =
    policyInfo ?? {};
  return inInitiative ? `${inInitiative} of ${policyAssignmentId}` : policyAssignmentId;
}

/** https://learn.microsoft.com/rest/api/policyinsights/policy-restrictions/check-at-resource-group-scope */
const POLICY_API = "2024-10-01";

interface PolicyRestrictions {
  readonly contentEvaluationResult?: { readonly policyEvaluations?: readonly PolicyEvaluation[] };
}

interface PolicyEvaluation {
  readonly evaluationResult?: string;
  readonly policyInfo?: { readonly policyAssignmentId?: string; readonly policyDefinitionReferenceId?: string | null };
}
