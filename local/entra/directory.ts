/** The directory of the local tenant: API registrations, identities and their role assignments, by the access policy. */
import { createHash } from "node:crypto";
import { firstCall, type Policy } from "@restricted-calls/shared/access-policy";

/** The app registration and service principal of an API, or of a Microsoft service. */
export interface ApiRegistration {
  readonly service: string;
  readonly clientId: string;
  readonly servicePrincipalId: string;
  readonly identifierUri: string;
  readonly roles: readonly string[];
  /** Whether Entra issues no token to a client without a role assignment. */
  readonly assignmentRequired: boolean;
  readonly requestedAccessTokenVersion: 1 | 2;
}

/** A caller: the service principal of a managed identity or of an app registration. */
export interface Identity {
  readonly name: string;
  readonly kind: "managed-identity" | "app-registration";
  readonly tenantId: string;
  readonly clientId: string;
  readonly principalId: string;
  /** The Azure resource id: managed identities only. */
  readonly resourceId?: string;
  /** The principal id of the managed identity that may act as this app registration, by a federated credential. */
  readonly federatedSubject?: string;
  /** Roles held, by the API's service name. */
  readonly assignments: Readonly<Record<string, readonly string[]>>;
}

/** The local tenant. The same policy gives the same directory, ids included, at every start. */
export interface Directory {
  readonly tenantId: string;
  readonly apis: readonly ApiRegistration[];
  readonly storage: ApiRegistration;
  readonly tokenExchange: ApiRegistration;
  readonly identities: readonly Identity[];
  /** The identity and the API of tokens for which a test names none: those of the policy's first call. */
  readonly firstCall: { readonly caller: string; readonly callee: string };
}

/** Test identities on the allow-list of each callee, beside its callers by the policy. */
const allowListedExtras = ["reader-only", "no-role", "caller-app"];

/**
 * The directory of an access policy: one API per service with roles, one managed identity per service and per external caller, and
 * test identities.
 */
export function directoryOf(policy: Policy): Directory {
  const services = Object.entries(policy.services);
  const tenantId = id("tenant", "local");
  const apis = services
    .filter(([, { roles }]) => Object.keys(roles).length > 0)
    .map(([service, { roles }]) => apiRegistration(tenantId, service, Object.keys(roles)));
  const assignmentsOf = (caller: string): Identity["assignments"] =>
    Object.fromEntries(
      services.flatMap(([service, { callers }]) => (callers[caller] ? [[service, callers[caller]]] : [])),
    );

  const firstCallerOf = ({ service }: ApiRegistration): string | undefined =>
    Object.keys(policy.services[service]?.callers ?? {})[0];
  const first = firstCall(policy) ?? { caller: "", callee: "" };
  const firstRoles = Object.fromEntries(apis.map(({ service, roles }) => [service, roles.slice(0, 1)]));
  const asFirstCallers = Object.fromEntries(
    apis.map((api) => [api.service, policy.services[api.service]?.callers[firstCallerOf(api) ?? ""] ?? api.roles]),
  );
  return {
    tenantId,
    apis,
    storage: azureStorage,
    tokenExchange,
    identities: [
      ...services.map(([service]) => managedIdentity(tenantId, service, assignmentsOf(service))),
      ...Object.entries(policy.externalCallers ?? {}).map(([name, { clientId, objectId: principalId }]) => ({
        ...managedIdentity(tenantId, name, assignmentsOf(name)),
        ...{ clientId, principalId },
      })),
      managedIdentity(tenantId, "reader-only", firstRoles),
      managedIdentity(tenantId, "no-role", {}),
      managedIdentity(tenantId, "unlisted", asFirstCallers),
      managedIdentity(id("tenant", "other"), "other-tenant", asFirstCallers),
      {
        ...principal("caller-app"),
        kind: "app-registration",
        tenantId,
        federatedSubject: principal(first.caller).principalId,
        assignments: assignmentsOf(first.caller),
      },
    ],
    firstCall: first,
  };
}

/** Client ids on a service's local allow-list: its callers by the policy, and some test identities. */
export function allowedCallers(directory: Directory, policy: Policy, service: string): string[] {
  const names = [...Object.keys(policy.services[service]?.callers ?? {}), ...allowListedExtras];
  return directory.identities.filter(({ name }) => names.includes(name)).map(({ clientId }) => clientId);
}

/**
 * The API, Azure Storage or the token exchange that a resource parameter or scope names.
 *
 * @param resource identifier URI or client id
 */
export function findResource(directory: Directory, resource: string): ApiRegistration | undefined {
  // Entra takes the URI of Azure Storage with and without a trailing slash; it compares other URIs exactly.
  if (resource === `${directory.storage.identifierUri}/`) return directory.storage;
  return [...directory.apis, directory.storage, directory.tokenExchange].find(
    ({ identifierUri, clientId }) => resource === identifierUri || sameId(resource, clientId),
  );
}

/** The roles that an identity holds on an API. */
export function rolesOn(api: ApiRegistration, { assignments }: Identity): readonly string[] {
  return assignments[api.service] ?? [];
}

/** Whether two GUIDs are the same, whatever the case of their letters. */
export function sameId(left: string, right: string): boolean {
  return left.toLowerCase() === right.toLowerCase();
}

/** Azure Storage, under its real client id and URI. It takes v1.0 tokens, and authorizes by Azure role, not by app role. */
const azureStorage: ApiRegistration = {
  service: "Azure Storage",
  clientId: "e406a681-f3d4-42a8-90b6-c2b029497af1",
  servicePrincipalId: id("service-principal", "Azure Storage"),
  identifierUri: "https://storage.azure.com",
  roles: [],
  assignmentRequired: false,
  requestedAccessTokenVersion: 1,
};

/** The audience of a managed identity's token that replaces the secret of an app registration. */
const tokenExchange: ApiRegistration = {
  service: "Azure AD Token Exchange",
  clientId: "fb60f99c-7a34-4190-8149-302f77469936",
  servicePrincipalId: id("service-principal", "Azure AD Token Exchange"),
  identifierUri: "api://AzureADTokenExchange",
  roles: [],
  assignmentRequired: false,
  requestedAccessTokenVersion: 2,
};

function apiRegistration(tenantId: string, service: string, roles: readonly string[]): ApiRegistration {
  return {
    service,
    clientId: id("api", service),
    servicePrincipalId: id("service-principal", service),
    identifierUri: `api://${tenantId}/${service}`,
    roles,
    assignmentRequired: true,
    requestedAccessTokenVersion: 2,
  };
}

function managedIdentity(tenantId: string, name: string, assignments: Identity["assignments"]): Identity {
  const resourceId =
    `/subscriptions/${id("subscription", "local")}/resourcegroups/local` +
    `/providers/Microsoft.ManagedIdentity/userAssignedIdentities/${name}`;
  return { ...principal(name), kind: "managed-identity", tenantId, resourceId, assignments };
}

function principal(name: string): Pick<Identity, "name" | "clientId" | "principalId"> {
  return { name, clientId: id("client", name), principalId: id("principal", name) };
}

/** A GUID that is the same at every start: name-based as in RFC 9562, 5.5, over SHA-256. */
function id(kind: string, name: string): string {
  const bytes = createHash("sha256").update(`${kind}:${name}`).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
