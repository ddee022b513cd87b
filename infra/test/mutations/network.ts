import { type AccessRule, resources, type SecurityRule, siteOf, subnetIdOf, type Snapshot } from "../../snapshot.ts";
import {
  site,
  config,
  resource,
  subnet,
  add,
  CALLER,
  CALLEE,
  EXAMPLE,
  there,
  type Mutation,
  mutationsOf,
} from "./change.ts";

const outboundRule = (
  name: string,
  change: (rule: NonNullable<SecurityRule["properties"]>) => void,
): Mutation["change"] =>
  resource("Microsoft.Network/networkSecurityGroups", CALLEE, ({ securityRules }) => {
    change(there(securityRules?.find((rule) => rule.name === name)?.properties));
  });

/** Changes the first rule of an external caller. */
const ruleOf = ({ name }: { readonly name: string }, change: (rule: AccessRule) => void): Mutation["change"] =>
  config(({ ipSecurityRestrictions = [] }) => {
    change(there(ipSecurityRestrictions.find((rule) => rule.name === name)));
  }, EXAMPLE.callee);

export const networkMutations = mutationsOf({
  "every service calls from an integration subnet of its own": {
    "another team's subnet of another service": {
      in: "existing",
      change: site((properties) => {
        properties.virtualNetworkSubnetId = there(properties.virtualNetworkSubnetId).replace(CALLEE, CALLER);
      }),
    },
    "the callee in the caller's subnet": site((properties) => {
      properties.virtualNetworkSubnetId = there(properties.virtualNetworkSubnetId).replace(CALLEE, CALLER);
    }),
  },
  "a network or workspace that exists is used and never changed": {
    "a subnet of another team": {
      in: "existing",
      change: (snapshot) => {
        const id = siteOf(snapshot, CALLEE)?.properties?.virtualNetworkSubnetId;
        add("Microsoft.Network/virtualNetworks/subnets", { id: there(id), properties: {} })(snapshot);
      },
    },
    "logs of another team's workspace": {
      in: "existing",
      change: (snapshot) => {
        const workspace = resources(snapshot, "Microsoft.Insights/components")[0]?.properties?.WorkspaceResourceId;
        const id = `${there(workspace)}/providers/Microsoft.Insights/diagnosticSettings/workspace`;
        add("Microsoft.Insights/diagnosticSettings", { id, properties: {} })(snapshot);
      },
    },
    "the subnet of an external caller": {
      in: "example-default",
      change: (snapshot) => {
        ruleOf(EXAMPLE.withSubnet, ({ vnetSubnetResourceId: id }) => {
          add("Microsoft.Network/virtualNetworks/subnets", { id: there(id), properties: {} })(snapshot);
        })(snapshot);
      },
    },
    "a network that no service uses": {
      in: "existing",
      change: add("Microsoft.Network/virtualNetworks", { id: "/networks/new", properties: {} }),
    },
  },
  "a service's subnet begins at its fixed place in the address space": {
    "another place": subnet((properties) => {
      properties.addressPrefix = "10.0.7.0/26";
    }),
  },
  "a subnet has two addresses for every instance, and those that Azure reserves": {
    "a subnet of half the size": subnet((properties) => {
      properties.addressPrefix = "10.0.1.0/27";
    }),
  },
  "a subnet is delegated to App Service plans": {
    "no delegation": subnet((properties) => {
      properties.delegations = [];
    }),
  },
  "calls to services and to storage carry the subnet's identity": {
    "no service endpoint for storage": subnet((properties) => {
      properties.serviceEndpoints = [{ service: "Microsoft.Web" }];
    }),
  },
  "all outbound traffic goes through the virtual network": {
    "no routing": site((properties) => {
      delete properties.outboundVnetRouting;
    }),
    "the content share over the public network": site(({ outboundVnetRouting }) => {
      there(outboundVnetRouting).contentShareTraffic = false;
    }),
  },
  "a service calls Entra ID, monitoring, other services, storage and what it declares, and nothing else": {
    "a subnet without a network security group": subnet((properties) => {
      delete properties.networkSecurityGroup;
    }),
    "the internet": outboundRule("call-1", (rule) => {
      rule.destinationAddressPrefix = "Internet";
    }),
    "no last rule": outboundRule("nothing-else", (rule) => {
      rule.destinationPortRanges = ["1024-65535"];
    }),
    "Azure Files, where no content share is": {
      in: "dedicated",
      change: outboundRule("call-4", (rule) => {
        rule.destinationPortRange = "445";
      }),
    },
  },
  "a service cannot reach SSH and RDP in the virtual network": {
    "RDP only": outboundRule("no-remote-administration", (rule) => {
      rule.destinationPortRanges = ["3389"];
    }),
  },
  "a callee allows its callers' subnets and address ranges, and no other origin": {
    "default action Allow": config((siteConfig) => {
      siteConfig.ipSecurityRestrictionsDefaultAction = "Allow";
    }),
    "no default action": config((siteConfig) => {
      delete siteConfig.ipSecurityRestrictionsDefaultAction;
    }),
    "the internet allowed as well": config(({ ipSecurityRestrictions = [] }) => {
      ipSecurityRestrictions.push({ name: "everybody", action: "Allow", priority: 300, ipAddress: "0.0.0.0/0" });
    }),
    "another subnet instead of the caller's": config(({ ipSecurityRestrictions = [] }) => {
      const [rule] = ipSecurityRestrictions;
      there(rule).vnetSubnetResourceId = there(rule?.vnetSubnetResourceId).replace(/[^/]+$/, "other");
    }),
    "another subnet of an external caller's network": {
      in: "example-default",
      change: ruleOf(EXAMPLE.withSubnet, (rule) => {
        rule.vnetSubnetResourceId = there(rule.vnetSubnetResourceId).replace(/[^/]+$/, "other");
      }),
    },
    "more addresses than an external caller has": {
      in: "example-default",
      change: ruleOf(EXAMPLE.withAddresses, (rule) => {
        rule.ipAddress = "203.0.113.0/24";
      }),
    },
    "an external caller that is not admitted": {
      in: "example-existing",
      change: config((siteConfig) => {
        const isOther = ({ ipAddress }: AccessRule): boolean => ipAddress !== EXAMPLE.withAddresses.range;
        siteConfig.ipSecurityRestrictions = there(siteConfig.ipSecurityRestrictions).filter(isOther);
      }, EXAMPLE.callee),
    },
    "a rule that refuses": config(({ ipSecurityRestrictions = [] }) => {
      ipSecurityRestrictions.push({ name: "nobody", action: "Deny", priority: 1, ipAddress: "0.0.0.0/0" });
    }),
  },
  "a service without roles allows the declared ingress address ranges and no other origin": {
    "a wider range": config(({ ipSecurityRestrictions = [] }) => {
      there(ipSecurityRestrictions[0]).ipAddress = "203.0.113.0/24";
    }, CALLER),
    "default action Allow": config((siteConfig) => {
      siteConfig.ipSecurityRestrictionsDefaultAction = "Allow";
    }, CALLER),
  },
  "the SCM site allows the declared deployer address ranges and no other origin": {
    "a caller allowed": (snapshot: Snapshot): void => {
      const subnetId = subnetIdOf(snapshot, CALLER);
      config(({ scmIpSecurityRestrictions = [] }) => {
        scmIpSecurityRestrictions.push({ name: CALLER, action: "Allow", priority: 1, vnetSubnetResourceId: subnetId });
      })(snapshot);
    },
    "an external caller allowed": {
      in: "example-default",
      change: config(({ ipSecurityRestrictions = [], scmIpSecurityRestrictions = [] }) => {
        const { name } = EXAMPLE.withAddresses;
        scmIpSecurityRestrictions.push(there(ipSecurityRestrictions.find((rule) => rule.name === name)));
      }, EXAMPLE.callee),
    },
    "the main site's rules": config((siteConfig) => {
      siteConfig.scmIpSecurityRestrictionsUseMain = true;
    }),
    "default action Allow": config((siteConfig) => {
      siteConfig.scmIpSecurityRestrictionsDefaultAction = "Allow";
    }),
  },
  "no private endpoint bypasses the access restrictions": {
    "a private endpoint": add("Microsoft.Network/privateEndpoints", { name: "shortcut" }),
  },
});
