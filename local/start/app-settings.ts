import { accessPolicy } from "../../shared/access-policy.ts";
import { allowedCallers, type Directory, directoryOf } from "../entra/directory.ts";
import type { Endpoints } from "./endpoints.ts";

export type AppName = "caller-func" | "callee-func";

/** The settings of one app, by name: what App Service would hand to it as environment variables. */
export type AppSettings = Readonly<Record<string, string>>;

/** A fresh inventory is not empty. */
const INITIAL_STOCK = { widget: 1000, gadget: 25, gizmo: 0 };

/**
 * The settings with which the unchanged apps run here. In Azure the infrastructure sets the same names.
 *
 * @param deliverySchedule a six-field NCRONTAB expression
 * @param hostStorage the connection string of the host's own storage. The embedded host has no use for it: it keeps its
 *   timers' state in a file
 */
export function appSettings(
  endpoints: Endpoints,
  directory: Directory,
  tableEndpoint: (account: string) => string,
  deliverySchedule: string,
  hostStorage = "UseDevelopmentStorage=true",
): Readonly<Record<AppName, AppSettings>> {
  const { api, callee, entra } = endpoints;
  const common = (app: string): AppSettings => ({
    FUNCTIONS_WORKER_RUNTIME: "node",
    AzureWebJobsStorage: hostStorage,
    AZURE_TENANT_ID: entra.tenantId,
    AZURE_CLIENT_ID: clientId(directory, app),
    AZURE_AUTHORITY_HOST: entra.authority,
    AZURE_DISABLE_INSTANCE_DISCOVERY: "true",
    IDENTITY_ENDPOINT: entra.managedIdentityEndpoint,
    IDENTITY_HEADER: entra.identityHeader,
    // Not an app setting in Azure: lets Node trust the local certificates.
    NODE_EXTRA_CA_CERTS: entra.caFile,
  });
  return {
    "caller-func": {
      ...common("caller-func"),
      CALLEE_URL: callee.callerSubnet,
      CALLEE_SCOPE: `${api.identifierUri}/.default`,
      CALLER_CREDENTIAL: "managed-identity",
      ORDERS_TABLE_ENDPOINT: tableEndpoint(storageAccounts.caller),
      DELIVERY_SCHEDULE: deliverySchedule,
      RETENTION_DAYS: "30",
    },
    "callee-func": {
      ...common("callee-func"),
      API_CLIENT_ID: api.clientId,
      API_IDENTIFIER_URI: api.identifierUri,
      ALLOWED_CALLERS: allowedCallers(directory, accessPolicy, "callee-func").join(","),
      INVENTORY_TABLE_ENDPOINT: tableEndpoint(storageAccounts.callee),
      INITIAL_STOCK: JSON.stringify(INITIAL_STOCK),
    },
  };
}

/** The names of the settings that an app takes. */
export function settingNames(app: AppName): readonly string[] {
  const callee = { callerSubnet: "", otherSubnet: "", internet: "" };
  const entra = {
    authority: "",
    tenantId: "",
    managedIdentityEndpoint: "",
    identityHeader: "",
    caFile: "",
    control: "",
  };
  const api = { clientId: "", identifierUri: "" };
  const nowhere: Endpoints = { caller: "", callee, entra, api, identities: {}, host: "embedded" };
  return Object.keys(appSettings(nowhere, directoryOf(accessPolicy), () => "", "")[app]);
}

/** Each app has its own storage account. */
export const storageAccounts = { caller: "callerdata", callee: "calleedata" } as const;

function clientId(directory: Directory, name: string): string {
  const identity = directory.identities.find((candidate) => candidate.name === name);
  if (identity === undefined) throw new Error(`The local directory has no identity '${name}'.`);
  return identity.clientId;
}
