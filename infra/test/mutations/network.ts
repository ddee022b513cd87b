import { type SecurityRule, subnetIdOf, type Snapshot } from "../../snapshot.ts";
import { site, config, resource, subnet, add, CALLER, CALLEE, there, type Mutation } from "./change.ts";

const ONLY_DECLARED =
  "a service calls Entra ID, monitoring, other services, storage and what it declares, and nothing else";

const outboundRule = (
  name: string,
  change: (rule: NonNullable<SecurityRule["properties"]>) => void,
): Mutation["change"] =>
  resource("Microsoft.Network/networkSecurityGroups", CALLEE, ({ securityRules }) => {
    change(there(securityRules?.find((rule) => rule.name === name)?.properties));
  });

export const networkMutations: readonly Mutation[] = [
  {
    breaks: "every service calls from an integration subnet of its own",
    by: "the callee in the caller's subnet",
    change: site((properties) => {
      properties.virtualNetworkSubnetId = there(properties.virtualNetworkSubnetId).replace(CALLEE, CALLER);
    }),
  },
  {
    breaks: "a service's subnet begins at its fixed place in the address space",
    by: "another place",
    change: subnet((properties) => {
      properties.addressPrefix = "10.0.7.0/26";
    }),
  },
  {
    breaks: "a subnet has two addresses for every instance, and those that Azure keeps",
    by: "a subnet of half the size",
    change: subnet((properties) => {
      properties.addressPrefix = "10.0.1.0/27";
    }),
  },
  {
    breaks: "a subnet is delegated to App Service plans",
    by: "no delegation",
    change: subnet((properties) => {
      properties.delegations = [];
    }),
  },
  {
    breaks: "calls to services and to storage carry the subnet's identity",
    by: "no service endpoint for storage",
    change: subnet((properties) => {
      properties.serviceEndpoints = [{ service: "Microsoft.Web" }];
    }),
  },
  {
    breaks: "all outbound traffic goes through the virtual network",
    by: "no routing",
    change: site((properties) => {
      delete properties.outboundVnetRouting;
    }),
  },
  {
    breaks: "all outbound traffic goes through the virtual network",
    by: "the content share over the public network",
    change: site(({ outboundVnetRouting }) => {
      there(outboundVnetRouting).contentShareTraffic = false;
    }),
  },
  {
    breaks: ONLY_DECLARED,
    by: "a subnet without a network security group",
    change: subnet((properties) => {
      delete properties.networkSecurityGroup;
    }),
  },
  {
    breaks: ONLY_DECLARED,
    by: "the internet",
    change: outboundRule("call-1", (rule) => {
      rule.destinationAddressPrefix = "Internet";
    }),
  },
  {
    breaks: ONLY_DECLARED,
    by: "no last rule",
    change: outboundRule("nothing-else", (rule) => {
      rule.destinationPortRanges = ["1024-65535"];
    }),
  },
  {
    breaks: ONLY_DECLARED,
    by: "Azure Files, where no content share is",
    in: "dedicated",
    change: outboundRule("call-4", (rule) => {
      rule.destinationPortRange = "445";
    }),
  },
  {
    breaks: "a service administers no machine of the network",
    by: "RDP only",
    change: outboundRule("no-remote-administration", (rule) => {
      rule.destinationPortRanges = ["3389"];
    }),
  },
  {
    breaks: "a callee lets in its callers' subnets and nobody else",
    by: "default action Allow",
    change: config((siteConfig) => {
      siteConfig.ipSecurityRestrictionsDefaultAction = "Allow";
    }),
  },
  {
    breaks: "a callee lets in its callers' subnets and nobody else",
    by: "no default action",
    change: config((siteConfig) => {
      delete siteConfig.ipSecurityRestrictionsDefaultAction;
    }),
  },
  {
    breaks: "a callee lets in its callers' subnets and nobody else",
    by: "the internet let in as well",
    change: config(({ ipSecurityRestrictions = [] }) => {
      ipSecurityRestrictions.push({ name: "everybody", action: "Allow", priority: 300, ipAddress: "0.0.0.0/0" });
    }),
  },
  {
    breaks: "a callee lets in its callers' subnets and nobody else",
    by: "another subnet instead of the caller's",
    change: config(({ ipSecurityRestrictions = [] }) => {
      const [rule] = ipSecurityRestrictions;
      there(rule).vnetSubnetResourceId = there(rule?.vnetSubnetResourceId).replace(/[^/]+$/, "other");
    }),
  },
  {
    breaks: "a service that is nobody's callee lets in the declared ingress address ranges and nobody else",
    by: "a wider range",
    change: config(({ ipSecurityRestrictions = [] }) => {
      there(ipSecurityRestrictions[0]).ipAddress = "203.0.113.0/24";
    }, CALLER),
  },
  {
    breaks: "a service that is nobody's callee lets in the declared ingress address ranges and nobody else",
    by: "default action Allow",
    change: config((siteConfig) => {
      siteConfig.ipSecurityRestrictionsDefaultAction = "Allow";
    }, CALLER),
  },
  {
    breaks: "the SCM site lets in the declared deployer address ranges and nobody else",
    by: "a caller let in",
    change: (snapshot: Snapshot): void => {
      const subnetId = subnetIdOf(snapshot, CALLER);
      config(({ scmIpSecurityRestrictions = [] }) => {
        scmIpSecurityRestrictions.push({ name: CALLER, action: "Allow", priority: 1, vnetSubnetResourceId: subnetId });
      })(snapshot);
    },
  },
  {
    breaks: "the SCM site lets in the declared deployer address ranges and nobody else",
    by: "the main site's rules",
    change: config((siteConfig) => {
      siteConfig.scmIpSecurityRestrictionsUseMain = true;
    }),
  },
  {
    breaks: "the SCM site lets in the declared deployer address ranges and nobody else",
    by: "default action Allow",
    change: config((siteConfig) => {
      siteConfig.scmIpSecurityRestrictionsDefaultAction = "Allow";
    }),
  },
  {
    breaks: "a callee lets in its callers' subnets and nobody else",
    by: "a rule that refuses",
    change: config(({ ipSecurityRestrictions = [] }) => {
      ipSecurityRestrictions.push({ name: "nobody", action: "Deny", priority: 1, ipAddress: "0.0.0.0/0" });
    }),
  },
  {
    breaks: "no private endpoint goes around the access restrictions",
    by: "a private endpoint",
    change: add("Microsoft.Network/privateEndpoints", { name: "shortcut" }),
  },
];
