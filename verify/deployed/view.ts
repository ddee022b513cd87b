import { accessPolicy } from "../../tools/access-policy.ts";
import type { Policy } from "../model/report.ts";
import type { AzureApi } from "./azure/api.ts";
import { type Registration, registration, type ServicePrincipal, servicePrincipalOf } from "./azure/directory.ts";
import type { Deployment } from "./environment.ts";
import { member, type Read, together } from "./azure/reading.ts";
import { type AzureService, azureService } from "./azure/resources.ts";
import { type ExpectedService, expectedServices } from "./expected.ts";

export const policy: Policy = { services: accessPolicy.services };

/** A deployment, with all that can be read of it. */
export interface Scene {
  readonly deployment: Deployment;
  /** The origin of the authority that issues tokens. */
  readonly authorityHost: string;
  /** The origin of Microsoft Graph. */
  readonly graphEndpoint: string;
  readonly arm: AzureApi;
  readonly services: readonly SceneService[];
}

/** A service: what the template says of it, and what is there. */
export interface SceneService {
  readonly name: string;
  /** The origin. */
  readonly url: string;
  readonly siteName: string;
  readonly expected: ExpectedService;
  readonly azure: AzureService;
  /** Its managed identity, as Entra ID knows it. */
  readonly identityPrincipal: Read<ServicePrincipal>;
  /** Its app registration; null for a service without roles. */
  readonly api: Registration | null;
  /** The app registration that it calls others as; null where that is its identity. */
  readonly client: Registration | null;
  /** How it appears in the tokens that it calls with. */
  readonly clientId: Read<string>;
  readonly principalId: Read<string>;
  /** The services that it may call. */
  readonly callees: readonly string[];
}

export function sceneOf(
  deployment: Deployment,
  { arm, graph }: { readonly arm: AzureApi; readonly graph: AzureApi },
  { authorityHost, graphEndpoint }: Pick<Scene, "authorityHost" | "graphEndpoint">,
): Scene {
  const services = expectedServices(deployment).map((expected): SceneService => {
    const { name } = expected;
    const deployed = deployment.services.find((service) => service.name === name);
    const callees = Object.keys(policy.services).filter((other) => name in (policy.services[other]?.callers ?? {}));
    const azure = azureService(arm, deployment, expected);
    const isClient = deployment.callerCredential === "federated-identity" && callees.length > 0;
    const client = isClient ? registration(graph, `${name}-client-${deployment.suffix}`) : null;
    const isApi = Object.keys(policy.services[name]?.roles ?? {}).length > 0;
    return {
      name,
      url: deployed?.url ?? "",
      siteName: deployed?.siteName ?? "",
      expected,
      azure,
      identityPrincipal: servicePrincipalOf(
        graph,
        member(azure.identity, ({ clientId }) => clientId),
      ),
      api: isApi ? registration(graph, `${name}-${deployment.suffix}`) : null,
      client,
      clientId:
        client === null
          ? member(azure.identity, ({ clientId }) => clientId)
          : member(client.application, ({ appId }) => appId),
      principalId:
        client === null
          ? member(azure.identity, ({ principalId }) => principalId)
          : member(client.servicePrincipal, ({ id }) => id),
      callees,
    };
  });
  return { deployment, authorityHost, graphEndpoint, arm, services };
}

/** How the callers of a service that the policy names are known to Entra ID, by their names. */
export function callerIds(
  { services }: Scene,
  service: string,
  kind: "clientId" | "principalId",
): Read<Readonly<Record<string, string>>> {
  const callers = services.filter(({ name }) => name in (policy.services[service]?.callers ?? {}));
  return () => together(Object.fromEntries(callers.map((caller) => [caller.name, caller[kind]])));
}

/** The App ID URI of a service, as infra/types.bicep makes it. */
export function identifierUri({ tenantId, suffix }: Deployment, service: string): string {
  return `api://${tenantId}/${service}-${suffix}`;
}

/** A deployment that is not skipped where azd remembers that the templates have not changed: the resources have. */
export const PROVISION = "azd provision --no-state";

/**
 * The same, for a value that a policy of the landing zone may have set: the next deployment sets it back, and so does the
 * policy.
 *
 * @see https://learn.microsoft.com/azure/governance/policy/concepts/effect-modify
 * @see https://learn.microsoft.com/cli/azure/policy/state#az-policy-state-list
 */
export function provisionUnlessPolicy({ resourceGroup }: Pick<Deployment, "resourceGroup">): string {
  return (
    `${PROVISION}\n# Does it come back? An Azure Policy with effect Modify did that; get an exemption from the one that this names:\n` +
    `az policy state list --resource-group ${resourceGroup} --filter "PolicyDefinitionAction eq 'modify'"`
  );
}

/** What sets the app registrations anew: the deployment, or a directory administrator's part of it. */
export function provisionDirectory({ deployment }: Scene): string {
  const { directoryIsPrepared, environment, callerCredential } = deployment;
  if (!directoryIsPrepared) return PROVISION;
  return `npm run entra -- --environment ${environment} --caller-credential ${callerCredential}`;
}
