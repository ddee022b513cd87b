import type { SecurityRule, SiteProperties } from "../../../infra/snapshot.ts";
import { listed, type PlannedCheck, question, shown, wording } from "../check.ts";
import type { DeployedSecurityRule } from "../azure/resources.ts";
import { PROVISION, type Scene, type SceneService } from "../view.ts";

/** Where a service's calls come from: what tells it from the others. */
export function networkChecks(_scene: Scene, { name, expected, azure }: SceneService): PlannedCheck[] {
  const { siteId, site, subnetId, subnet, outboundRules, planId } = expected;
  const delegations = subnet.delegations?.map(({ properties }) => properties?.serviceName ?? "?") ?? [];
  const endpoints = subnet.serviceEndpoints?.map(({ service }) => service ?? "?") ?? [];
  const lodgers = <Site extends { readonly id: string }>(sites: readonly Site[]): Site[] =>
    sites.filter(({ id }) => id.toLowerCase() !== siteId.toLowerCase());
  const ofSite = { resource: siteId, read: azure.site, mend: PROVISION };
  const ofSubnet = { resource: subnetId, read: azure.subnet, mend: PROVISION };
  return [
    question({
      ...ofSite,
      id: `network/${name}/subnet`,
      title: `${name}: the subnet that its calls come from`,
      expected: subnetId,
      why: "Services tell their callers apart by their subnets: in another's subnet it would pass for the other.",
      found: ({ properties }) => listed([properties.virtualNetworkSubnetId ?? "not integrated"], [subnetId]),
    }),
    question({
      ...ofSite,
      id: `network/${name}/routing`,
      title: `${name}: all outbound traffic goes through the virtual network`,
      expected: routing(site.outboundVnetRouting),
      why: "Calls past the virtual network arrive from the internet, and are refused.",
      found: ({ properties }) => routing(properties.outboundVnetRouting),
    }),
    question({
      ...ofSubnet,
      id: `network/${name}/delegation`,
      title: `${name}: what its subnet is delegated to`,
      expected: wording(delegations),
      why: "A subnet that is not App Service's alone can hold machines, whose calls pass for the service's.",
      found: ({ properties }) =>
        listed(properties.delegations?.map((delegation) => delegation.properties.serviceName) ?? [], delegations),
      mustExist: true,
    }),
    question({
      ...ofSubnet,
      id: `network/${name}/service-endpoints`,
      title: `${name}: the service endpoints of its subnet`,
      expected: wording(endpoints),
      why: "Without them its calls do not carry the subnet, and services and storage refuse it.",
      found: ({ properties }) => listed(properties.serviceEndpoints?.map(({ service }) => service) ?? [], endpoints),
    }),
    question({
      ...ofSubnet,
      id: `network/${name}/security-group`,
      title: `${name}: the network security group of its subnet`,
      expected: shown(subnet.networkSecurityGroup?.id),
      why: "Without it, a stolen caller can send tokens and data anywhere.",
      found: ({ properties }) => {
        const id = properties.networkSecurityGroup?.id;
        return listed(id === undefined ? [] : [id], [subnet.networkSecurityGroup?.id ?? ""]);
      },
    }),
    question({
      id: `network/${name}/outbound`,
      title: `${name}: where its calls may go`,
      resource: subnet.networkSecurityGroup?.id ?? "",
      read: azure.securityGroup,
      expected: wording(outboundRules.map(inWords)),
      why: "With more, a stolen caller can send tokens and data there; with less, the service does not work.",
      found: ({ properties }) =>
        listed(
          properties.securityRules?.filter((rule) => rule.properties.direction === "Outbound").map(inWords) ?? [],
          outboundRules.map(inWords),
        ),
      mend: PROVISION,
    }),
    question({
      ...ofSubnet,
      id: `network/${name}/joined`,
      title: `${name}: which plans are joined to its subnet`,
      expected: planId,
      why: "An app on another plan in this subnet calls from it: its calls pass for this service's.",
      found: ({ properties }) =>
        listed(
          (properties.serviceAssociationLinks ?? []).map((association) => association.properties.link ?? "unknown"),
          [planId],
        ),
      mend: ({ properties }) =>
        (properties.serviceAssociationLinks ?? [])
          .map((association) => association.properties.link ?? "unknown")
          .filter((link) => link.toLowerCase() !== planId.toLowerCase())
          .map(
            (link) =>
              `# For each app on ${link}: az webapp vnet-integration remove --resource-group <its group> --name <app>`,
          )
          .join("\n") || PROVISION,
    }),
    question({
      ...ofSite,
      id: `network/${name}/plan`,
      title: `${name}: its plan`,
      expected: planId,
      why: "Apps on one plan share its machines, and its integration subnets: their callees may not tell them apart.",
      found: ({ properties }) => listed([properties.serverFarmId ?? "none"], [planId]),
    }),
    question({
      id: `network/${name}/plan-alone`,
      title: `${name}: who else is on its plan`,
      resource: planId,
      read: azure.sitesOfPlan,
      expected: "nobody",
      why: "Apps on one plan share its machines, and its integration subnets: their callees may not tell them apart.",
      found: (sites) => {
        if (sites.length === 0) return "no site at all";
        return wording(lodgers(sites).map((lodger) => lodger.name)).replace(/^none$/, "nobody");
      },
      mend: (sites) =>
        lodgers(sites)
          .map(({ id }) => `az functionapp update --ids ${id} --plan <a plan of its own>`)
          .join("\n") || PROVISION,
    }),
  ];
}

type Routing = {
  readonly [Option in keyof NonNullable<SiteProperties["outboundVnetRouting"]>]?: boolean | null | undefined;
};

/** Each option by itself: Resource Manager has been seen to answer false for a part of allTraffic. */
function routing(options: Routing | null | undefined): string {
  const { allTraffic, applicationTraffic, contentShareTraffic } = options ?? {};
  return `all: ${shown(allTraffic)}; application: ${shown(applicationTraffic)}; content share: ${shown(contentShareTraffic)}`;
}

/** A rule by what it does, whatever its name. */
function inWords({ properties }: SecurityRule | DeployedSecurityRule): string {
  const rule: Partial<DeployedSecurityRule["properties"]> = properties ?? {};
  const to = [rule.destinationAddressPrefix, ...(rule.destinationAddressPrefixes ?? [])].filter(Boolean).join();
  const ports = [rule.destinationPortRange, ...(rule.destinationPortRanges ?? [])].filter(Boolean).join();
  const fromAll = rule.sourceAddressPrefix === "*" && rule.sourcePortRange === "*";
  return `${shown(rule.priority)} ${shown(rule.access)} ${to}:${ports} (${shown(rule.protocol)}${fromAll ? "" : ", of some sources"})`;
}
