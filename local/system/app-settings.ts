/** The settings with which the apps run locally. */
import { apps } from "../../tools/build.ts";
import { calleesOf, type ServiceName, settingPrefix } from "@restricted-calls/shared/access-policy";
import { accessPolicy, serviceOptions, tableEndpointSetting } from "../../tools/access-policy.ts";
import { storageAccount } from "../../tools/service-names.ts";
import { allowedCallers, type Directory, directoryOf } from "../entra/directory.ts";
import type { Endpoints } from "./endpoints.ts";

/** The settings of one app, by name: its environment variables in App Service. */
export type AppSettings = Readonly<Record<string, string>>;

export interface SettingsSources {
  readonly endpoints: Pick<Endpoints, "entra">;
  readonly directory: Directory;
  /** The table endpoint of a storage account. */
  readonly tableEndpoint: (account: string) => string;
  /** The origin at which one service reaches another. */
  readonly originFor: (callee: string, caller: string) => string;
  /** A six-field NCRONTAB expression, for each service that has a `DELIVERY_SCHEDULE`. */
  readonly deliverySchedule: string;
  /** The connection string of the host's own storage. The embedded host does not use it: its timers' state is in a file. */
  readonly hostStorage?: string | undefined;
}

/**
 * The settings of each app: the same names that `infra/modules/service.bicep` sets in Azure, by the same access policy and
 * `infra/service-options.json`.
 */
export function appSettings(sources: SettingsSources): Readonly<Record<ServiceName, AppSettings>> {
  return Object.fromEntries(apps.map((app) => [app, settingsOf(app, sources)])) as Record<ServiceName, AppSettings>;
}

function settingsOf(service: string, sources: SettingsSources): AppSettings {
  const { endpoints, directory, tableEndpoint, deliverySchedule, hostStorage = "UseDevelopmentStorage=true" } = sources;
  const { entra } = endpoints;
  const { settings = {} } = serviceOptions[service] ?? {};
  return {
    ...settings,
    FUNCTIONS_WORKER_RUNTIME: "node",
    AzureWebJobsStorage: hostStorage,
    AZURE_TENANT_ID: entra.tenantId,
    AZURE_CLIENT_ID: clientId(directory, service),
    AZURE_AUTHORITY_HOST: entra.authority,
    AZURE_DISABLE_INSTANCE_DISCOVERY: "true",
    IDENTITY_ENDPOINT: entra.managedIdentityEndpoint,
    IDENTITY_HEADER: entra.identityHeader,
    // Not an app setting in Azure: lets Node trust the local certificates.
    NODE_EXTRA_CA_CERTS: entra.caFile,
    ...apiSettings(service, directory),
    ...callerSettings(service, sources),
    [tableEndpointSetting(service)]: tableEndpoint(storageAccount(service)),
    ...("DELIVERY_SCHEDULE" in settings && { DELIVERY_SCHEDULE: deliverySchedule }),
  };
}

/** The names of the settings that an app takes. */
export function settingNames(app: ServiceName): readonly string[] {
  return Object.keys(placeholderSettings(app));
}

/** Settings with which an app starts but reaches no other service: to read what it registers. */
export function placeholderSettings(app: ServiceName): AppSettings {
  const nowhere = "https://made-up.invalid";
  const directory = directoryOf(accessPolicy);
  const entra = {
    authority: nowhere,
    tenantId: directory.tenantId,
    managedIdentityEndpoint: nowhere,
    identityHeader: "made-up",
    caFile: "",
    control: nowhere,
  };
  const addresses = { tableEndpoint: () => nowhere, originFor: () => nowhere };
  return settingsOf(app, { endpoints: { entra }, directory, ...addresses, deliverySchedule: "0 * * * * *" });
}

/** Of a service with roles: it is an API, and has a list of its callers. */
function apiSettings(service: string, directory: Directory): AppSettings {
  const api = directory.apis.find((candidate) => candidate.service === service);
  if (api === undefined) return {};
  return {
    API_CLIENT_ID: api.clientId,
    API_IDENTIFIER_URI: api.identifierUri,
    ALLOWED_CALLERS: allowedCallers(directory, accessPolicy, service).join(","),
  };
}

/** Of a service that may call others: BILLING_URL and BILLING_SCOPE for billing-func. */
function callerSettings(service: string, { directory, originFor }: SettingsSources): AppSettings {
  const called = calleesOf(accessPolicy, service);
  const callees = directory.apis.filter((api) => called.includes(api.service));
  if (callees.length === 0) return {};
  const ways = callees.flatMap((api) => {
    const prefix = settingPrefix(api.service);
    return [
      [`${prefix}_URL`, originFor(api.service, service)],
      [`${prefix}_SCOPE`, `${api.identifierUri}/.default`],
    ];
  });
  return { CALLER_CREDENTIAL: "managed-identity", ...(Object.fromEntries(ways) as AppSettings) };
}

function clientId(directory: Directory, name: string): string {
  const identity = directory.identities.find((candidate) => candidate.name === name);
  if (identity === undefined) throw new Error(`The local directory has no identity '${name}'.`);
  return identity.clientId;
}
