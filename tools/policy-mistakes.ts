/** Finds the mistakes in the access policy and the service options. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Ajv2020, type ErrorObject } from "ajv/dist/2020.js";
import { type AddressRange, isPublic, overlap, parseAddressRange, rangeMistake } from "./address-ranges.ts";
import { parseJsonText } from "./json-text.ts";
import { settingPrefix } from "@restricted-calls/shared/access-policy";
import { CALLER_KINDS, TEST_IDENTITIES, storageAccount, tableEndpointSettingOf } from "./service-names.ts";

export const POLICY_FILE = "shared/access-policy.json";
export const OPTIONS_FILE = "infra/service-options.json";

export interface PolicyFiles {
  /** The parsed file; undefined if it is not JSON. Do not use it if there is a mistake. */
  readonly policy: unknown;
  readonly options: unknown;
  /** The mistakes of both files, one per line. */
  readonly mistakes: readonly string[];
}

/**
 * Reads the access policy and the service options, and finds all mistakes in them: by their JSON schemas, by rules that a
 * schema cannot express, and by known rules of Azure.
 *
 * @param root the folder of the repository
 */
export function readPolicyFiles(root: string): PolicyFiles {
  return checkPolicyFiles(
    (file) => readFileSync(join(root, file), "utf8"),
    (service) => existsSync(join(root, service, "src", "main.ts")),
  );
}

/**
 * The same for files that are perhaps not written yet.
 *
 * @param read returns the text of a file
 * @param hasCode whether the code of a service is there
 */
export function checkPolicyFiles(read: (file: string) => string, hasCode: (service: string) => boolean): PolicyFiles {
  const policy = parsed(read, POLICY_FILE, policySchema);
  const options = parsed(read, OPTIONS_FILE, optionsSchema);
  const services = objectOf(objectOf(policy.value)["services"]);
  const external = objectOf(objectOf(policy.value)["externalCallers"]);
  const found = {
    [POLICY_FILE]: [
      ...policy.mistakes,
      ...inServices(services, external, hasCode),
      ...inExternalCallers(external, services),
    ],
    [OPTIONS_FILE]: [
      ...options.mistakes,
      ...(policy.value === undefined ? [] : inOptions(objectOf(options.value), services)),
    ],
  };
  const mistakes = Object.entries(found).flatMap(([file, lines]) => lines.map((line) => `${file}${line}`));
  return { policy: policy.value, options: options.value, mistakes };
}

/** Whether the templates, the platform or the local system set this app setting: an option must not override it. */
export function isOwnedSetting(name: string, services: readonly string[]): boolean {
  const upper = name.toUpperCase();
  return (
    OWNED_SETTINGS.has(upper) ||
    OWNED_PREFIXES.some((prefix) => upper.startsWith(prefix)) ||
    services.some((service) => [`${settingPrefix(service)}_URL`, `${settingPrefix(service)}_SCOPE`].includes(upper))
  );
}

type Json = Readonly<Record<string, unknown>>;

const OWNED_SETTINGS = new Set([
  "ALLOWED_CALLERS",
  "API_CLIENT_ID",
  "API_IDENTIFIER_URI",
  "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
  "APPLICATIONINSIGHTS_CONNECTION_STRING",
  "AZURE_AUTHORITY_HOST",
  "AZURE_CLIENT_ID",
  "AZURE_DISABLE_INSTANCE_DISCOVERY",
  "AZURE_TENANT_ID",
  "AZUREWEBJOBSDISABLEHOMEPAGE",
  "CALLER_APP_CLIENT_ID",
  "CALLER_CREDENTIAL",
  "FUNCTIONS_EXTENSION_VERSION",
  "FUNCTIONS_REQUEST_BODY_SIZE_LIMIT",
  "FUNCTIONS_WORKER_RUNTIME",
  "NODE_EXTRA_CA_CERTS",
  // The name of an app in its telemetry, by which alerts find it (modules/alerts.bicep).
  "WEBSITE_CLOUD_ROLENAME",
  "WEBSITE_RUN_FROM_PACKAGE",
]);
const OWNED_PREFIXES = ["AZUREWEBJOBSSTORAGE", "IDENTITY_", "WEBSITE_CONTENT", "WEBSITE_SKIP_CONTENTSHARE"];

/**
 * Words that the name of a resource with a public endpoint must not contain, or begin with. Azure refuses the other reserved
 * words as whole names only, and a site's name has a suffix.
 * https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name
 */
const RESERVED = /microsoft|windows|^login/;

/** Entra ID uses it for "no role", and no client has it: https://learn.microsoft.com/graph/api/resources/approleassignment */
const NO_ID = "00000000-0000-0000-0000-000000000000";

const ajv = new Ajv2020({ allErrors: true, verbose: true });
const schemaOf = (path: string) =>
  ajv.compile(JSON.parse(readFileSync(join(import.meta.dirname, "..", path), "utf8")) as object);
const policySchema = schemaOf("shared/access-policy.schema.json");
const optionsSchema = schemaOf("infra/service-options.schema.json");

function parsed(
  read: (file: string) => string,
  file: string,
  validate: typeof policySchema,
): { value: unknown; mistakes: string[] } {
  let text: string;
  try {
    // Editors on Windows may write a byte order mark. Node and Bicep skip it, too.
    text = read(file).replace(/^\uFEFF/, "");
  } catch (error) {
    return { value: undefined, mistakes: [`: cannot be read: ${(error as Error).message}`] };
  }
  const { value, mistakes } = parseJsonText(text);
  const places = mistakes.map((mistake) => `:${mistake}`);
  if (value === undefined || validate(value)) return { value, mistakes: places };
  return { value, mistakes: [...places, ...(validate.errors ?? []).flatMap(inWords)] };
}

/** The message of a schema error; none for an error that only summarises another one. */
function inWords(error: ErrorObject): string[] {
  const { keyword, instancePath, schemaPath, params, parentSchema, data, message, propertyName } = error;
  const names = instancePath.split("/").slice(1);
  const path = (names[0] === "services" ? names.slice(1) : names).join(".");
  const found = `found ${JSON.stringify(data).slice(0, 60)}`;
  const { description = message, properties = {} } = objectOf(parentSchema) as {
    description?: string;
    properties?: object;
  };
  switch (keyword) {
    case "propertyNames":
      return [];
    case "additionalProperties":
      return [
        line(path, `"${String(params["additionalProperty"])}" is not one of ${Object.keys(properties).join(", ")}`),
      ];
    case "oneOf":
      return [line(path, description ?? "")];
    case "required":
      if (schemaPath.includes("/oneOf/")) return [];
      return [line(path, `"${String(params["missingProperty"])}" is missing`)];
    case "pattern":
      return [line(path, `${propertyName === undefined ? found : `found "${propertyName}"`}. ${description ?? ""}`)];
    default:
      return [line(path, `${message ?? keyword}, ${found}`)];
  }
}

/** @returns the owner of the value, if it has one already; from now on, `who` */
function taken<T>(by: Map<T, string>, value: T, who: string): string | undefined {
  const first = by.get(value);
  if (first === undefined) by.set(value, who);
  return first;
}

function inServices(services: Json, external: Json, hasCode: (service: string) => boolean): string[] {
  const mistakes: string[] = [];
  const ids = new Map<unknown, string>();
  const places = new Map<unknown, string>();
  const prefixes = new Map<string, string>();
  const accounts = new Map<string, string>();
  for (const [name, service] of Object.entries(services)) {
    const { subnet, roles, callers, justifications } = objectOf(service);
    const offered = objectOf(roles);
    const note = (path: string, what: string): void => {
      mistakes.push(line(path, what));
    };

    if (RESERVED.test(name)) {
      note(name, "Azure refuses names that contain microsoft or windows, or begin with login");
    }
    if (isOfProof(name)) note(name, OF_PROOF);
    if (/^[\w-]+$/.test(name) && !hasCode(name)) {
      note(name, `there is no ${name}/src/main.ts, the service's code`);
    }
    const prefix = settingPrefix(name);
    const samePrefix = taken(prefixes, prefix, name);
    const sameAccount = taken(accounts, storageAccount(name), name);
    if (samePrefix !== undefined) {
      note(name, `its callers' settings would be ${prefix}_URL and ${prefix}_SCOPE, like those of ${samePrefix}`);
    } else if (sameAccount !== undefined) {
      note(name, `its storage account would be ${storageAccount(name)}, like that of ${sameAccount}`);
    }
    const samePlace = subnet === undefined ? undefined : taken(places, subnet, name);
    if (samePlace !== undefined) note(`${name}.subnet`, `${String(subnet)} is the subnet of ${samePlace}`);

    for (const [role, { id }] of Object.entries(offered).map(([role, value]) => [role, objectOf(value)] as const)) {
      const path = `${name}.roles.${role}`;
      const sameId = id === undefined ? undefined : taken(ids, id, path);
      if (sameId !== undefined) note(`${path}.id`, `it is the id of ${sameId}`);
      if (id === NO_ID) note(`${path}.id`, "this id means no role");
    }
    for (const [caller, granted] of Object.entries(objectOf(callers))) {
      if (!Object.hasOwn(services, caller) && !Object.hasOwn(external, caller))
        note(`${name}.callers`, `"${caller}" is neither a service nor an external caller`);
      if (caller === name) note(`${name}.callers`, "a service does not call itself over the network");
      for (const role of Array.isArray(granted) ? (granted as unknown[]) : []) {
        if (typeof role === "string" && !Object.hasOwn(offered, role)) {
          note(`${name}.callers.${caller}`, `"${role}" is not a role of ${name}`);
        }
      }
    }
    for (const [caller, byRole] of Object.entries(objectOf(justifications))) {
      const granted = objectOf(callers)[caller];
      for (const [role, justification] of Object.entries(objectOf(byRole))) {
        const path = `${name}.justifications.${caller}.${role}`;
        const { until } = objectOf(justification);
        if (!Array.isArray(granted) || !granted.includes(role)) note(path, `${caller} does not hold this role`);
        if (typeof until === "string" && ISO_DATE.test(until) && !isDate(until))
          note(`${path}.until`, `${until} is no date`);
      }
    }
  }
  return mistakes;
}

const ISO_DATE = /^\d{4}-\d{2}-\d{2}$/;

/** Whether the calendar has the day. */
function isDate(text: string): boolean {
  const date = new Date(text);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(text);
}

/** An external caller's range with a shorter prefix contains addresses of others. */
const CALLERS_SHORTEST_PREFIX = { ipv4: 24, ipv6: 48 };

const OF_PROOF = "the local Entra or the proof has a test identity of this name";

function isOfProof(name: string): boolean {
  return [...TEST_IDENTITIES, ...CALLER_KINDS].some((identity) => identity === name);
}

/** Each has ids, and a subnet or addresses, of its own: the allow-list and the access restrictions tell callers apart by them. */
function inExternalCallers(external: Json, services: Json): string[] {
  const mistakes: string[] = [];
  const ids = new Map<unknown, string>();
  const subnets = new Map<string, string>();
  const known: { readonly range: AddressRange; readonly text: string; readonly caller: string }[] = [];
  for (const [name, value] of Object.entries(external)) {
    const { clientId, objectId, subnet, addressRanges } = objectOf(value);
    const path = `externalCallers.${name}`;
    const note = (member: string, what: string): void => {
      mistakes.push(line(`${path}${member}`, what));
    };
    if (Object.hasOwn(services, name)) note("", "a service has this name");
    if (isOfProof(name)) note("", OF_PROOF);
    for (const [member, id] of Object.entries({ clientId, objectId })) {
      const sameId = id === undefined ? undefined : taken(ids, id, `${path}.${member}`);
      if (sameId !== undefined) note(`.${member}`, `it is the id of ${sameId}`);
      if (id === NO_ID) note(`.${member}`, "nobody has this id");
    }
    // Azure resource ids are not case-sensitive.
    const sameSubnet = typeof subnet === "string" ? taken(subnets, subnet.toLowerCase(), name) : undefined;
    if (sameSubnet !== undefined) note(".subnet", `it is the subnet of ${sameSubnet}`);
    for (const text of Array.isArray(addressRanges) ? (addressRanges as unknown[]) : []) {
      if (typeof text !== "string") continue;
      const range = parseAddressRange(text);
      const mistake = rangeMistake(text);
      if (range === undefined || mistake !== undefined) {
        note(".addressRanges", `found ${mistake ?? text}`);
        continue;
      }
      const shortest = CALLERS_SHORTEST_PREFIX[range.family];
      if (!isPublic(range)) note(".addressRanges", `${text} is not public: a site sees public addresses, or a subnet`);
      else if (range.prefix < shortest)
        note(".addressRanges", `${text} has addresses of others: name its own, at most a /${shortest} at once`);
      const other = known.find((one) => overlap(one.range, range));
      const owner = other?.caller === name ? other.text : other?.caller;
      if (owner !== undefined) note(".addressRanges", `${text} has addresses of ${owner}`);
      known.push({ range, text, caller: name });
    }
  }
  return mistakes;
}

function inOptions(options: Json, services: Json): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    if (!Object.hasOwn(services, name)) return [line("", `"${name}" is not a service`)];
    // The file may have anything for it: a schema mistake is reported beside this one.
    const tableEndpointSetting: unknown = tableEndpointSettingOf(objectOf(value));
    const { settings } = objectOf(value);
    const isOwned = (setting: unknown): boolean =>
      typeof setting === "string" && isOwnedSetting(setting, Object.keys(services));
    return [
      ...(isOwned(tableEndpointSetting)
        ? [line(`${name}.tableEndpointSetting`, `"${String(tableEndpointSetting)}" is set by the templates`)]
        : []),
      ...Object.keys(objectOf(settings)).flatMap((setting) => {
        if (setting.toUpperCase() === "REPORT_ONLY_UNTIL")
          return [
            line(`${name}.settings`, `"${setting}" lets calls through: set it on a site by hand, and for a time`),
          ];
        if (isOwned(setting)) return [line(`${name}.settings`, `"${setting}" is set by the templates`)];
        const isEndpoint = setting.toUpperCase() === String(tableEndpointSetting).toUpperCase();
        return isEndpoint ? [line(`${name}.settings`, `"${setting}" is set by the templates: its table endpoint`)] : [];
      }),
    ];
  });
}

/** A line without the file's name. */
function line(path: string, what: string): string {
  return path === "" ? `: ${what}` : `: ${path}: ${what}`;
}

function objectOf(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
