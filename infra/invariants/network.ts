/** The invariants of the network layer: where calls come from, and which origins are allowed. */
import { type AccessRule, type PropertiesByType, resources, type SecurityRule } from "../snapshot.ts";
import { externalCallersOf } from "@restricted-calls/shared/access-policy";
import { invariant, type Invariant } from "./invariant.ts";
import { forEachNewSubnet, forEachService, same, servicesOf } from "./services.ts";

/** Addresses that Azure reserves in every subnet. */
const RESERVED_ADDRESSES = 5;

export const networkInvariants: readonly Invariant[] = [
  invariant(
    "every service calls from an integration subnet of its own",
    forEachService(({ name, site, subnetId }) =>
      same(`${name}: subnet`, site?.properties?.virtualNetworkSubnetId, subnetId),
    ),
  ),
  invariant("a network or workspace that exists is used and never changed", (snapshot, { policy, parameters }) => {
    const { existingSubnets, existingWorkspaceId } = parameters;
    const subnets = Object.values(existingSubnets).filter((id) => id !== undefined);
    const external = Object.values(policy.externalCallers ?? {}).flatMap(({ subnet }) => subnet ?? []);
    const networks = [...subnets, ...external].map((id) => id.split("/subnets/")[0] ?? id);
    const others = [...networks, existingWorkspaceId ?? []].flat();
    const created = (type: keyof PropertiesByType): number => resources(snapshot, type).length;
    const services = Object.keys(policy.services).length;
    return [
      ...snapshot.predictedResources.flatMap(({ id = "" }) =>
        others.some((other) => id.startsWith(other)) ? [`the deployment changes ${id}`] : [],
      ),
      ...same("new security groups", created("Microsoft.Network/networkSecurityGroups"), services - subnets.length),
      ...same("new networks", created("Microsoft.Network/virtualNetworks"), subnets.length < services ? 1 : 0),
      ...same(
        "new workspaces",
        created("Microsoft.OperationalInsights/workspaces"),
        existingWorkspaceId === null ? 1 : 0,
      ),
    ];
  }),
  invariant(
    "a service's subnet begins at its fixed place in the address space",
    forEachNewSubnet(({ name, subnet, policy }, _expected, snapshot) => {
      const [network] = resources(snapshot, "Microsoft.Network/virtualNetworks");
      const space = network?.properties?.addressSpace?.addressPrefixes?.[0] ?? "";
      const start = `${space.split(".").slice(0, 2).join(".")}.${policy.subnet}.0`;
      return same(`${name}: first address`, subnet?.properties?.addressPrefix?.split("/")[0], start);
    }),
  ),
  invariant(
    "a subnet has two addresses for every instance, and those that Azure reserves",
    forEachNewSubnet(({ name, subnet }, { parameters }) => {
      const needed = 2 * parameters.plan.instances[1] + RESERVED_ADDRESSES;
      const prefixLength = Number(subnet?.properties?.addressPrefix?.split("/")[1]);
      const addresses = 2 ** (32 - prefixLength);
      return addresses >= needed ? [] : [`${name}: expected at least ${needed} addresses, found ${addresses}`];
    }),
  ),
  invariant(
    "a subnet is delegated to App Service plans",
    forEachNewSubnet(({ name, subnet }) =>
      same(
        `${name}: delegation`,
        subnet?.properties?.delegations?.map(({ properties }) => properties?.serviceName),
        ["Microsoft.Web/serverFarms"],
      ),
    ),
  ),
  invariant(
    "calls to services and to storage carry the subnet's identity",
    forEachNewSubnet(({ name, subnet }) =>
      same(
        `${name}: service endpoints`,
        subnet?.properties?.serviceEndpoints?.map(({ service }) => service),
        ["Microsoft.Web", "Microsoft.Storage"],
      ),
    ),
  ),
  invariant(
    "all outbound traffic goes through the virtual network",
    forEachService(({ name, site }) =>
      same(`${name}: routing`, site?.properties?.outboundVnetRouting, {
        allTraffic: true,
        applicationTraffic: true,
        contentShareTraffic: true,
      }),
    ),
  ),
  invariant(
    "a service calls Entra ID, monitoring, other services, storage and what it declares, and nothing else",
    forEachNewSubnet(({ name, subnet }, { parameters, serviceOptions }, snapshot) => {
      const id = subnet?.properties?.networkSecurityGroup?.id;
      const group = resources(snapshot, "Microsoft.Network/networkSecurityGroups").find((found) => found.id === id);
      const rules = group?.properties?.securityRules?.map(({ properties }) => properties) ?? [];
      const declared = serviceOptions[name]?.outboundDestinations ?? [];
      const needed = [
        ...["AzureActiveDirectory", "AzureMonitor", "AppService", "Storage"].map((tag) => `${tag}:443`),
        ...(parameters.plan.kind === "ElasticPremium" ? ["Storage:445"] : []),
        ...declared.map(({ to, port }) => `${to}:${port}`),
      ];
      const calls = rules.filter((rule) => rule?.access === "Allow").map(destination);
      const last = rules.toSorted((one, other) => (one?.priority ?? 0) - (other?.priority ?? 0)).at(-1);
      return [
        ...same(`${name}: may call`, calls.sort(), needed.sort()),
        ...same(`${name}: last rule`, [last?.access, last?.protocol, destination(last)], ["Deny", "*", "*:0-65535"]),
      ];
    }),
  ),
  invariant("a service cannot reach SSH and RDP in the virtual network", (snapshot) =>
    resources(snapshot, "Microsoft.Network/networkSecurityGroups").flatMap(({ name, properties }) => {
      const refused = properties?.securityRules?.filter((rule) => rule.properties?.access === "Deny") ?? [];
      const destinations = refused.map((rule) => destination(rule.properties));
      return same(`${name ?? "?"}: SSH and RDP refused`, destinations.includes("VirtualNetwork:22,3389"), true);
    }),
  ),
  invariant(
    "a callee allows its callers' subnets and address ranges, and no other origin",
    forEachService(({ name, policy, config }, expected, snapshot) => {
      if (!isCallee(policy)) return [];
      const callers = servicesOf(snapshot, expected).filter((other) => other.name in policy.callers);
      const subnets = callers.map(({ subnetId }) => subnetId);
      const external = Object.values(externalCallersOf(expected.policy, name)).flatMap(
        ({ subnet, addressRanges }) => subnet ?? addressRanges,
      );
      return [
        ...same(`${name}: default action`, config.ipSecurityRestrictionsDefaultAction, "Deny"),
        ...same(`${name}: allowed`, allowed(config.ipSecurityRestrictions), [...subnets, ...external].sort()),
      ];
    }),
  ),
  invariant(
    "a service without roles allows the declared ingress address ranges and no other origin",
    forEachService(({ name, policy, config }, { parameters }) => {
      if (isCallee(policy)) return [];
      return [
        ...same(`${name}: default action`, config.ipSecurityRestrictionsDefaultAction, "Deny"),
        ...same(
          `${name}: allowed`,
          allowed(config.ipSecurityRestrictions),
          [...parameters.ingressAddressRanges].sort(),
        ),
      ];
    }),
  ),
  invariant(
    "the SCM site allows the declared deployer address ranges and no other origin",
    forEachService(({ name, config }, { parameters }) => [
      ...same(`${name}: default action`, config.scmIpSecurityRestrictionsDefaultAction, "Deny"),
      ...same(
        `${name}: allowed`,
        allowed(config.scmIpSecurityRestrictions),
        [...parameters.deployerAddressRanges].sort(),
      ),
      ...same(`${name}: rules of the main site`, config.scmIpSecurityRestrictionsUseMain, false),
    ]),
  ),
  invariant("no private endpoint bypasses the access restrictions", (snapshot) =>
    same(
      "private endpoints",
      resources(snapshot, "Microsoft.Network/privateEndpoints").map(({ name }) => name),
      [],
    ),
  ),
];

function isCallee(policy: { readonly roles: object }): boolean {
  return Object.keys(policy.roles).length > 0;
}

/** The destination of a rule of a network security group. Marks a rule that is not for all sources of the subnet. */
function destination(rule: SecurityRule["properties"]): string {
  const { direction, sourceAddressPrefix, sourcePortRange, destinationAddressPrefix } = rule ?? {};
  const ports = rule?.destinationPortRanges?.join() ?? rule?.destinationPortRange ?? "?";
  const fromAll = direction === "Outbound" && sourceAddressPrefix === "*" && sourcePortRange === "*";
  return `${destinationAddressPrefix ?? "?"}:${ports}${fromAll ? "" : ", in part"}`;
}

/** What the rules allow, sorted. A rule that does not allow, or has no condition, appears as such. */
function allowed(rules: readonly AccessRule[] | undefined): string[] | undefined {
  return rules
    ?.map(({ action, vnetSubnetResourceId, ipAddress }) =>
      action === "Allow"
        ? (vnetSubnetResourceId ?? ipAddress ?? "any origin")
        : `not allowed: ${action ?? "no action"}`,
    )
    .sort();
}
