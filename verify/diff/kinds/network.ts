/** The rules of virtual networks, security groups and private endpoints. */
import { exact, harmless, IDENTIFYING, isObject, members, type Rules, set } from "../rules.ts";
import { securityRules } from "./ordered-rules.ts";
import { byMember, common, type ResourceRules, texts } from "./resource-rules.ts";

/** https://learn.microsoft.com/azure/templates/microsoft.network/virtualnetworks/subnets */
const subnet: Rules = {
  name: IDENTIFYING,
  "properties.networkSecurityGroup.id": exact("network security group"),
  // Rules name a subnet by its id.
  "properties.addressPrefix": harmless("no rule names the addresses of a subnet"),
  "properties.delegations": set("delegation", (value) =>
    Array.isArray(value) ? value.map((one) => serviceNameOf(one) ?? JSON.stringify(one)) : undefined,
  ),
  "properties.serviceEndpoints": set("service endpoint", byMember(["service"])),
};

export const networkKinds: Readonly<Record<string, ResourceRules>> = {
  "Microsoft.Network/virtualNetworks": {
    kind: "virtual network",
    added: "opened",
    removed: "closed",
    rules: {
      ...common,
      "properties.addressSpace.addressPrefixes": set("address space", texts),
      "properties.subnets": members("subnet", nameIn, (one) => `subnet ${nameIn(one) ?? "?"}`, subnet),
    },
  },
  // A subnet of a network that the template does not create.
  "Microsoft.Network/virtualNetworks/subnets": {
    kind: "subnet",
    added: "opened",
    removed: "closed",
    rules: { ...common, ...subnet },
  },
  // A new one counts where a subnet has it. It holds the rules that deny, and a deployment leaves one that the template no longer has.
  "Microsoft.Network/networkSecurityGroups": {
    kind: "network security group",
    added: "changed",
    removed: "opened",
    rules: { ...common, "properties.securityRules": securityRules("security rule") },
  },
  // Access restrictions do not apply to its traffic: https://learn.microsoft.com/azure/app-service/overview-access-restrictions
  "Microsoft.Network/privateEndpoints": { kind: "private endpoint", added: "opened", removed: "closed", rules: common },
};

function nameIn(value: unknown): string | undefined {
  return isObject(value) && typeof value["name"] === "string" ? value["name"] : undefined;
}

/** @returns undefined if the delegation says more than its service */
function serviceNameOf(delegation: unknown): string | undefined {
  if (!isObject(delegation) || !isObject(delegation["properties"])) return undefined;
  const { serviceName, ...others } = delegation["properties"];
  return Object.keys(others).length === 0 && typeof serviceName === "string" ? serviceName : undefined;
}
