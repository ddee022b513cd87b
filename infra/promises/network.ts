import { type AccessRule, resources } from "../snapshot.ts";
import { promised, type Promised } from "./promise.ts";
import { forEachService, same } from "./services.ts";

/** Addresses that Azure keeps in every subnet. */
const KEPT_ADDRESSES = 5;

/** The network layer: where calls come from, and which are let in. */
export const networkPromises: readonly Promised[] = [
  promised(
    "every service calls from an integration subnet of its own",
    forEachService(({ name, site, subnetId }) =>
      same(`${name}: subnet`, site?.properties?.virtualNetworkSubnetId, subnetId),
    ),
  ),
  promised(
    "a service's subnet begins at its fixed place in the address space",
    forEachService(({ name, subnet, policy }, _expected, snapshot) => {
      const [network] = resources(snapshot, "Microsoft.Network/virtualNetworks");
      const space = network?.properties?.addressSpace?.addressPrefixes?.[0] ?? "";
      const start = `${space.split(".").slice(0, 2).join(".")}.${policy.subnet}.0`;
      return same(`${name}: first address`, subnet?.properties?.addressPrefix?.split("/")[0], start);
    }),
  ),
  promised(
    "a subnet has two addresses for every instance, and those that Azure keeps",
    forEachService(({ name, subnet }, { parameters }) => {
      const needed = 2 * parameters.plan.instances[1] + KEPT_ADDRESSES;
      const prefixLength = Number(subnet?.properties?.addressPrefix?.split("/")[1]);
      const addresses = 2 ** (32 - prefixLength);
      return addresses >= needed ? [] : [`${name}: expected ${needed} addresses at least, found ${addresses}`];
    }),
  ),
  promised(
    "a subnet is delegated to App Service plans",
    forEachService(({ name, subnet }) =>
      same(
        `${name}: delegation`,
        subnet?.properties?.delegations?.map(({ properties }) => properties?.serviceName),
        ["Microsoft.Web/serverFarms"],
      ),
    ),
  ),
  promised(
    "calls to services and to storage carry the subnet's identity",
    forEachService(({ name, subnet }) =>
      same(
        `${name}: service endpoints`,
        subnet?.properties?.serviceEndpoints?.map(({ service }) => service),
        ["Microsoft.Web", "Microsoft.Storage"],
      ),
    ),
  ),
  promised(
    "all outbound traffic goes through the virtual network",
    forEachService(({ name, site }) =>
      same(`${name}: all traffic`, site?.properties?.outboundVnetRouting?.allTraffic, true),
    ),
  ),
  promised(
    "a callee lets in its callers' subnets and nobody else",
    forEachService(({ name, policy, config }, _expected, snapshot) => {
      if (!isCallee(policy)) return [];
      const network = resources(snapshot, "Microsoft.Network/virtualNetworks")[0]?.id ?? "";
      const subnets = Object.keys(policy.callers).map((caller) => `${network}/subnets/${caller}`);
      return [
        ...same(`${name}: default action`, config.ipSecurityRestrictionsDefaultAction, "Deny"),
        ...same(`${name}: let in`, allowed(config.ipSecurityRestrictions), subnets.sort()),
      ];
    }),
  ),
  promised(
    "a service that is nobody's callee lets in the declared ingress address ranges and nobody else",
    forEachService(({ name, policy, config }, { parameters }) => {
      if (isCallee(policy)) return [];
      return [
        ...same(`${name}: default action`, config.ipSecurityRestrictionsDefaultAction, "Deny"),
        ...same(`${name}: let in`, allowed(config.ipSecurityRestrictions), [...parameters.ingressAddressRanges].sort()),
      ];
    }),
  ),
  promised(
    "the SCM site lets in the declared deployer address ranges and nobody else",
    forEachService(({ name, config }, { parameters }) => [
      ...same(`${name}: default action`, config.scmIpSecurityRestrictionsDefaultAction, "Deny"),
      ...same(
        `${name}: let in`,
        allowed(config.scmIpSecurityRestrictions),
        [...parameters.deployerAddressRanges].sort(),
      ),
      ...same(`${name}: rules of the main site`, config.scmIpSecurityRestrictionsUseMain, false),
    ]),
  ),
  promised("no private endpoint goes around the access restrictions", (snapshot) =>
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

/** What the rules let in, in order. A rule that does not allow, or has no condition, shows as what it is. */
function allowed(rules: readonly AccessRule[] | undefined): string[] | undefined {
  return rules
    ?.map(({ action, vnetSubnetResourceId, ipAddress }) =>
      action === "Allow" ? (vnetSubnetResourceId ?? ipAddress ?? "anybody") : `not allowed: ${action ?? "no action"}`,
    )
    .sort();
}
