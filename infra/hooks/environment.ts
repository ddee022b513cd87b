/** Checks the values of the azd environment, and reads the outputs of the last deployment. */
import { apiNames, callerNames, lastSubnet, type Policy } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { firstAddress, overlap, parseAddressRange, rangeMistake } from "../../tools/address-ranges.ts";

const { externalCallers = {} }: Policy = accessPolicy;

/** The values of an azd environment, by name. Empty counts as missing: azd cannot unset a value otherwise. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The rule of azd and of resource groups: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftresources */
export const ENVIRONMENT_NAME = /^[a-zA-Z0-9()_.-]{0,63}[a-zA-Z0-9()_-]$/;

/** A client id, an object id, the id of a subscription. */
export const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const PLAN_SKUS = ["EP1", "EP2", "EP3", "P0v3", "P1v3", "P2v3", "P3v3"];

/** Ranges that no virtual network may have: https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq#what-address-ranges-can-i-use-in-my-virtual-networks */
const RESERVED_RANGES = ["224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32"];

/** Limits of tags. Resources also get azd-env-name, and sites azd-service-name; storage accounts have the shortest names. https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations */
const TAGS = { most: 48, longestName: 128, longestValue: 256 };

/**
 * Checks the values that main.bicepparam reads, before anything is deployed. The compiler and Azure report the same
 * mistakes later and less clearly.
 *
 * Does not check AZURE_LOCATION, which azd asks for after the hook, nor RESTRICTED_SERVICE_MANAGEMENT_REFERENCE, for which
 * each tenant has its own rule.
 *
 * @returns each mistake in one line, with the command that fixes it; empty if there is none
 */
export function mistakes(environment: Environment): string[] {
  const value = valuesOf(environment);
  /** Checks a value that is set. */
  const check = (name: string, wrong: (found: string) => string | undefined): string[] => {
    const found = value(name);
    const problem = found === undefined ? undefined : wrong(found);
    return problem === undefined ? [] : [`${name} ${problem}`];
  };
  const oneOf = (name: string, allowed: readonly string[]): string[] =>
    check(name, (found) =>
      allowed.includes(found)
        ? undefined
        : `is ${found}, but must be one of ${allowed.join(", ")}: ${set(name, allowed[0] ?? "")}`,
    );
  const number = (name: string, least: number, most: number): string[] =>
    check(name, (found) =>
      /^[1-9]\d*$/.test(found) && Number(found) >= least && Number(found) <= most
        ? undefined
        : `is ${found}, but must be a number from ${least} to ${most}: ${set(name, String(least))}`,
    );

  const noDeployer =
    value("RESTRICTED_DEPLOYER_ADDRESS_RANGES") === undefined
      ? [
          "RESTRICTED_DEPLOYER_ADDRESS_RANGES is missing: the public addresses that you deploy from. Only they reach the SCM " +
            `sites. Set your address, followed by /32: ${set("RESTRICTED_DEPLOYER_ADDRESS_RANGES", "203.0.113.7/32")}`,
        ]
      : [];
  const federated = value("RESTRICTED_CALLER_CREDENTIAL") === "federated-identity";
  return [
    ...environmentName(value("AZURE_ENV_NAME")),
    ...noDeployer,
    ...check("RESTRICTED_DEPLOYER_ADDRESS_RANGES", (found) =>
      addressRanges("RESTRICTED_DEPLOYER_ADDRESS_RANGES", found),
    ),
    ...check("RESTRICTED_DEPLOYER_ADDRESS_RANGES", withoutCallers),
    ...ownSubnets(environment),
    ...check("RESTRICTED_INGRESS_ADDRESS_RANGES", (found) => addressRanges("RESTRICTED_INGRESS_ADDRESS_RANGES", found)),
    ...oneOf("RESTRICTED_PLAN_SKU", PLAN_SKUS),
    ...number("RESTRICTED_MINIMUM_INSTANCES", 1, value("RESTRICTED_PLAN_SKU")?.startsWith("P") ? 30 : 20),
    ...number("RESTRICTED_MAXIMUM_INSTANCES", 1, 100),
    ...oneOf("RESTRICTED_ZONE_REDUNDANT", ["true", "false"]),
    ...instances(environment),
    ...check("RESTRICTED_ADDRESS_SPACE", addressSpace),
    ...number("RESTRICTED_SUBNET_PREFIX_LENGTH", 24, 28),
    ...check("RESTRICTED_EXISTING_SUBNETS", subnets),
    ...check("RESTRICTED_EXISTING_WORKSPACE", (found) =>
      WORKSPACE_ID.test(found)
        ? undefined
        : `must be a resource id, such as /subscriptions/<id>/resourceGroups/<group>/${WORKSPACE}`,
    ),
    ...oneOf("RESTRICTED_CALLER_CREDENTIAL", ["managed-identity", "federated-identity"]),
    ...oneOf("RESTRICTED_APP_SERVICE_AUTHENTICATION", ["true", "false"]),
    ...check("RESTRICTED_ALERT_EMAIL_ADDRESSES", mailAddresses),
    ...number("RESTRICTED_LOG_RETENTION_DAYS", 30, 730),
    ...number("RESTRICTED_LOG_DAILY_CAP_GIGABYTES", 1, 1000),
    ...check("RESTRICTED_API_CLIENT_IDS", (found) =>
      isPrepared(environment) ? clientIds(found, apiNames(accessPolicy)) : undefined,
    ),
    ...check("RESTRICTED_CALLER_CLIENT_IDS", (found) => clientIds(found, federated ? callerNames(accessPolicy) : [])),
    ...check("RESTRICTED_RESOURCE_TAGS", tags),
    ...oneOf("RESTRICTED_ENTRA_PERMISSIONS_CHECK", ["on", "off"]),
  ];
}

/** Reads values: undefined for a missing or empty one. */
function valuesOf(environment: Environment): (name: string) => string | undefined {
  return (name) => (environment[name] === "" ? undefined : environment[name]);
}

/** The value that sets the most instances of a plan: a dedicated one has a fixed number of them. */
export function instancesSetting({ RESTRICTED_PLAN_SKU: sku }: Environment): string {
  return sku?.startsWith("P") === true ? "RESTRICTED_MINIMUM_INSTANCES" : "RESTRICTED_MAXIMUM_INSTANCES";
}

/** The most instances that a plan may have. Subnets need addresses for them. */
export function maximumInstances(environment: Environment): number {
  const value = valuesOf(environment);
  const setting = instancesSetting(environment);
  const fixed = value("RESTRICTED_ZONE_REDUNDANT") === "true" ? 2 : 1;
  return Number(value(setting) ?? (setting === "RESTRICTED_MAXIMUM_INSTANCES" ? 20 : fixed));
}

/** A deployed service, as main.bicep outputs it. */
export interface DeployedService {
  readonly name: string;
  readonly siteName: string;
  /** The origin. */
  readonly url: string;
}

/** The output SERVICES, which azd adds to its hooks' environment. Empty before the first deployment and after azd down. */
export function deployedServices(environment: NodeJS.ProcessEnv): readonly DeployedService[] {
  const { SERVICES = "" } = environment;
  return (SERVICES === "" ? [] : JSON.parse(SERVICES)) as readonly DeployedService[];
}

/** Whether a directory administrator has created the app registrations, by the rule of main.bicepparam. */
export function isPrepared({ RESTRICTED_API_CLIENT_IDS: ids = "" }: Environment): boolean {
  const read = ids === "" ? {} : parseObject(ids);
  return read === undefined || Object.keys(read).length > 0;
}

function set(name: string, example: string): string {
  return `azd env set ${name} ${example}`;
}

function environmentName(name: string | undefined): string[] {
  if (name === undefined) return ["AZURE_ENV_NAME is missing. azd sets it: run azd up or azd provision."];
  if (ENVIRONMENT_NAME.test(name)) return [];
  return [
    `AZURE_ENV_NAME is '${name}', which cannot name a resource group: 1 to 64 letters, digits, -, _, ., ( and ), and no ` +
      ". at the end. azd env new creates an environment with another name.",
  ];
}

function addressRanges(name: string, found: string): string | undefined {
  const wrong = found.split(",").flatMap((text) => rangeMistake(text) ?? [])[0];
  if (wrong === undefined) return undefined;
  return `contains ${wrong}. Separate ranges by commas without spaces: ${set(name, "203.0.113.7/32,198.51.100.0/28")}`;
}

/** No external caller may reach an SCM site. */
function withoutCallers(found: string): string | undefined {
  const deployers = found.split(",").flatMap((text) => parseAddressRange(text) ?? []);
  const shared = Object.entries(externalCallers).find(([, { addressRanges = [] }]) =>
    addressRanges.some((text) => deployers.some((range) => overlap(range, parseAddressRange(text) ?? range))),
  );
  if (shared === undefined) return undefined;
  return `contains addresses of the external caller ${shared[0]}, which must not reach the SCM sites: deploy from other addresses`;
}

/**
 * Whether a resource is in the environment's resource group. Without a subscription yet, the group may be in any.
 *
 * @param id the resource's id
 */
export function isInGroup(
  id: string,
  { AZURE_SUBSCRIPTION_ID: own = "", AZURE_ENV_NAME: name = "" }: Environment,
): boolean {
  const [, subscription = "", group = ""] = /^\/subscriptions\/([^/]+)\/resourcegroups\/([^/]+)\//i.exec(id) ?? [];
  const same = (one: string, other: string): boolean => one.toLowerCase() === other.toLowerCase();
  return same(group, `rg-${name}`) && (own === "" || same(subscription, own));
}

/** A deployment replaces the subnets of its network. */
function ownSubnets(environment: Environment): string[] {
  return Object.entries(externalCallers)
    .filter(([, { subnet = "" }]) => isInGroup(subnet, environment))
    .map(
      ([caller]) =>
        `The external caller ${caller} of the access policy has a subnet of this environment: name a subnet of its own in shared/access-policy.json`,
    );
}

/** The rules for several numbers together: modules/plan.bicep, and main.bicep for the subnets. */
function instances(environment: Environment): string[] {
  const value = valuesOf(environment);
  const zones = value("RESTRICTED_ZONE_REDUNDANT") === "true";
  const minimum = Number(value("RESTRICTED_MINIMUM_INSTANCES") ?? (zones ? 2 : 1));
  const maximum = maximumInstances(environment);
  const length = Number(value("RESTRICTED_SUBNET_PREFIX_LENGTH") ?? 24);
  const longest = 32 - Math.ceil(Math.log2(2 * maximum + 5));
  const found: string[] = [];
  if (zones && minimum < 2)
    found.push(
      `RESTRICTED_MINIMUM_INSTANCES is ${minimum}, but several zones need at least 2: ${set("RESTRICTED_MINIMUM_INSTANCES", "2")}`,
    );
  if (minimum > maximum)
    found.push(
      `RESTRICTED_MAXIMUM_INSTANCES is ${maximum}, below the minimum: ${set("RESTRICTED_MAXIMUM_INSTANCES", String(minimum))}`,
    );
  // The rule for this one value reports more than 28.
  if (length > longest && length <= 28)
    found.push(
      `RESTRICTED_SUBNET_PREFIX_LENGTH is ${length}, too few addresses for ${maximum} instances: ${set("RESTRICTED_SUBNET_PREFIX_LENGTH", String(longest))}`,
    );
  return found;
}

/** The rule for the address space: one range that contains a /24 for every service (modules/network.bicep). */
function addressSpace(found: string): string | undefined {
  const example = set("RESTRICTED_ADDRESS_SPACE", "10.0.0.0/16");
  const range = parseAddressRange(found);
  if (range?.family !== "ipv4")
    return `is '${found}', but must be one range of IPv4 addresses with a prefix length: ${example}`;
  const first = `${firstAddress(range)}/${range.prefix}`;
  if (first !== found)
    return `is ${found}, whose address is not the first of the range: ${set("RESTRICTED_ADDRESS_SPACE", first)}`;
  const reserved = RESERVED_RANGES.find((text) => overlap(range, parseAddressRange(text) ?? range));
  if (reserved !== undefined)
    return `is ${found}, but no virtual network may have addresses of ${reserved}: ${example}`;
  const shortest = 24 - Math.ceil(Math.log2(lastSubnet(accessPolicy) + 1));
  if (range.prefix > shortest)
    return `is ${found}, which is too small: the access policy gives each service a /24 by its "subnet", up to ${lastSubnet(accessPolicy)}. A prefix length of ${shortest} or less: ${example}`;
  return undefined;
}

const WORKSPACE = "providers/Microsoft.OperationalInsights/workspaces/<name>";
const SUBNET = "providers/Microsoft.Network/virtualNetworks/<network>/subnets/<name>";
const idOf = (resource: string): RegExp =>
  new RegExp(
    `^/subscriptions/[0-9a-f-]{36}/resourceGroups/[^/\\s]+/${resource.replaceAll(/<\w+>/g, "[^/\\s]+")}$`,
    "i",
  );
const WORKSPACE_ID = idOf(WORKSPACE);
const SUBNET_ID = idOf(SUBNET);

/** Resource ids of subnets by service. Services share no subnet, because callees tell their callers apart by it. */
function subnets(found: string): string | undefined {
  const read = Object.entries(parseObject(found) ?? { "": found });
  const known = Object.keys(accessPolicy.services);
  const wrong = read.find(([, id]) => typeof id !== "string" || !SUBNET_ID.test(id));
  if (wrong !== undefined)
    return `must be a JSON object of resource ids by service, such as {"${known[0] ?? ""}":"/subscriptions/<id>/resourceGroups/<group>/${SUBNET}"}`;
  const unknown = read.find(([service]) => !known.includes(service));
  if (unknown !== undefined)
    return `names ${unknown[0]}, which is no service of the access policy: ${known.join(", ")}`;
  const ids = read.map(([, id]) => String(id).toLowerCase());
  const twice = read.find((_, i) => ids.indexOf(ids[i] ?? "") !== i);
  if (twice !== undefined) return `gives ${twice[0]} the subnet of another service: each needs one of its own`;
  const [, shared] =
    Object.entries(externalCallers).find(([, { subnet = "" }]) => ids.includes(subnet.toLowerCase())) ?? [];
  return shared && `gives a service the subnet ${shared.subnet ?? ""} of an external caller: each needs one of its own`;
}

function mailAddresses(found: string): string | undefined {
  const wrong = found.split(",").find((address) => !/^[^\s@,;<>"]+@[^\s@,;<>"]+\.[^\s@,;<>"]+$/.test(address));
  if (wrong === undefined) return undefined;
  return `contains '${wrong}', which is no mail address. Separate addresses by commas without spaces: ${set("RESTRICTED_ALERT_EMAIL_ADDRESSES", "a@example.com,b@example.com")}`;
}

/** @param needed the services that must have an id; the templates require the same ones */
function clientIds(found: string, needed: readonly string[]): string | undefined {
  const ids = parseObject(found);
  const isId = (id: unknown): boolean => typeof id === "string" && GUID.test(id);
  if (ids === undefined || !Object.values(ids).every(isId))
    return `must be a JSON object of client ids by service, such as {"callee-func":"<client id>"}`;
  const missing = needed.filter((name) => !(name in ids));
  return missing.length === 0 ? undefined : `has no client id for ${missing.join(", ")}: npm run entra prints them`;
}

function tags(found: string): string | undefined {
  const read = parseObject(found);
  const example = `azd env set RESTRICTED_RESOURCE_TAGS '{"cost-center":"42"}'`;
  if (read === undefined || !Object.values(read).every((text) => typeof text === "string"))
    return `must be a JSON object of texts by name: ${example}`;
  const entries = Object.entries(read as Record<string, string>);
  if (entries.length > TAGS.most) return `has ${entries.length} tags, but Azure allows ${TAGS.most}`;
  const wrong = entries.find(
    ([name, text]) =>
      name.length > TAGS.longestName ||
      text.length > TAGS.longestValue ||
      !/^(?!microsoft|azure|windows)[^<>%&\\?/]+$/i.test(name),
  );
  if (wrong === undefined) return undefined;
  return (
    `contains '${wrong[0].slice(0, 40)}', which Azure refuses: a name has up to ${TAGS.longestName} characters, none of <>%&\\?/, and does not begin ` +
    `with microsoft, azure or windows; a text has up to ${TAGS.longestValue}`
  );
}

/** @returns undefined if the text is no JSON object */
function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null && !Array.isArray(read)
      ? (read as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
