/** A deployment as the checks see it: what is expected of each service, and how to read what Azure has. */
import type { ExternalCaller } from "@restricted-calls/shared/access-policy";
import { policy } from "../model/policy.ts";
import type { AzureApi } from "./azure/api.ts";
import { type Registration, registration, type ServicePrincipal, servicePrincipalOf } from "./azure/directory.ts";
import { found, member, type Read, together } from "./azure/reading.ts";
import { type AzureService, azureService, type AzureSubnet, subnetAt } from "./azure/resources.ts";
import type { Deployment } from "./environment.ts";
import { type Expected, type ExpectedService, expectedOf } from "./expected.ts";

export interface DeploymentView {
  readonly deployment: Deployment;
  /** The origin of the authority that issues tokens. */
  readonly authorityHost: string;
  /** The origin of Microsoft Graph. */
  readonly graphEndpoint: string;
  readonly arm: AzureApi;
  readonly services: readonly ServiceView[];
  readonly externalCallers: readonly ExternalCallerView[];
  readonly resources: Expected["resources"];
}

/** A service or an external caller, by the ids in its tokens. */
export interface Client {
  readonly name: string;
  readonly clientId: Read<string>;
  readonly principalId: Read<string>;
}

export interface ExternalCallerView extends Client {
  /** Its entry in the access policy. */
  readonly entry: ExternalCaller;
  /** The service principal that its client id has. */
  readonly servicePrincipal: Read<ServicePrincipal>;
  readonly subnet: (id: string) => Read<AzureSubnet>;
}

export interface ServiceView extends ExpectedService, Client {
  readonly azure: AzureService;
  /** Its managed identity in Entra ID. */
  readonly identityPrincipal: Read<ServicePrincipal>;
  /** Its app registration; null for a service without roles. */
  readonly registration: Registration | null;
  /** The app registration that it calls others as; null if it calls as its identity. */
  readonly client: Registration | null;
}

export function viewOf(
  deployment: Deployment,
  { arm, graph }: { readonly arm: AzureApi; readonly graph: AzureApi },
  { authorityHost, graphEndpoint }: Pick<DeploymentView, "authorityHost" | "graphEndpoint">,
): DeploymentView {
  const { services, resources } = expectedOf(deployment);
  return {
    deployment,
    authorityHost,
    graphEndpoint,
    arm,
    services: services.map((expected) => serviceView(expected, deployment, arm, graph)),
    externalCallers: Object.entries(policy.externalCallers ?? {}).map(([name, entry]) => {
      const clientId = known(entry.clientId);
      return {
        ...{ name, entry, clientId, principalId: known(entry.objectId) },
        servicePrincipal: servicePrincipalOf(graph, clientId),
        subnet: (id) => subnetAt(arm, id),
      };
    }),
    resources,
  };
}

function known<T>(value: T): Read<T> {
  return () => Promise.resolve(found(value));
}

function serviceView(expected: ExpectedService, deployment: Deployment, arm: AzureApi, graph: AzureApi): ServiceView {
  const { api, clientName } = expected;
  const azure = azureService(arm, deployment, expected);
  const identityClientId = member(azure.identity, ({ clientId }) => clientId);
  const client = clientName === null ? null : registration(graph, clientName);
  return {
    ...expected,
    azure,
    identityPrincipal: servicePrincipalOf(graph, identityClientId),
    registration: api === null ? null : registration(graph, api.uniqueName),
    client,
    clientId: client === null ? identityClientId : member(client.application, ({ appId }) => appId),
    principalId:
      client === null
        ? member(azure.identity, ({ principalId }) => principalId)
        : member(client.servicePrincipal, ({ id }) => id),
  };
}

/** The granted callers of a service. */
export function callersOf({ services, externalCallers }: DeploymentView, { callers }: ExpectedService): Client[] {
  return [...services, ...externalCallers].filter(({ name }) => name in callers);
}

/** The ids of a service's granted callers in Entra ID, by name. */
export function callerIds(
  view: DeploymentView,
  service: ExpectedService,
  kind: "clientId" | "principalId",
): Read<Readonly<Record<string, string>>> {
  const granted = callersOf(view, service);
  return () => together(Object.fromEntries(granted.map((caller) => [caller.name, caller[kind]])));
}
