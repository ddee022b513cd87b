/** The resources of the probe: the committed snapshot of infra/probe.bicep, in the names of a deployment. */
import { readProbeSnapshot } from "../../../infra/snapshot.ts";
import type { Deployment } from "../environment.ts";

export interface ProbeResource {
  readonly id: string;
  readonly apiVersion: string;
  /** For a person. */
  readonly title: string;
  /** What a PUT request sends. */
  readonly body: object;
}

/** What only one run knows. */
export interface ProbeValues {
  readonly location: string;
  /** In CIDR notation. */
  readonly addressPrefix: string;
  readonly run: string;
  /** In the form of infra/probe.sh. */
  readonly calls: string;
}

/** In the order of creation: each needs some of those before it. */
const TITLES: readonly (readonly [type: string, title: string])[] = [
  ["Microsoft.Network/publicIPAddresses", "public IP address {name}"],
  ["Microsoft.Network/natGateways", "NAT gateway {name}"],
  ["Microsoft.Network/virtualNetworks/subnets", "subnet {name}"],
  ["Microsoft.ManagedIdentity/userAssignedIdentities", "managed identity {name}, without a role"],
  ["Microsoft.ContainerInstance/containerGroups", "container {name}, 1 vCPU and 1 GB"],
];

/** The resources, in the order of creation. Without values, only their ids are those of the deployment. */
export function probeResources(
  { subscriptionId, resourceGroup, suffix }: Deployment,
  values?: ProbeValues,
): readonly ProbeResource[] {
  const { predictedResources } = filled({ suffix, ...values });
  return TITLES.flatMap(([type, title]) =>
    predictedResources
      .filter((resource) => resource.type === type)
      .map(({ id = "", name = "", apiVersion = "", type: _, ...body }) => ({
        ...{ id, apiVersion, body },
        title: title.replace("{name}", name.split("/").at(-1) ?? ""),
      })),
  );

  function filled(own: object) {
    const madeUp = /\/subscriptions\/[^/]+\/resourceGroups\/snapshot\//g;
    const text = JSON.stringify(readProbeSnapshot()).replaceAll(
      madeUp,
      () => `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/`,
    );
    const replaced = text.replaceAll(/\{(\w+)\}/g, (placeholder, name: string) => {
      const value = (own as Readonly<Record<string, string | undefined>>)[name];
      return value === undefined ? placeholder : JSON.stringify(value).slice(1, -1);
    });
    return JSON.parse(replaced) as ReturnType<typeof readProbeSnapshot>;
  }
}
