/** Checks of the network that a service's calls come from, and of its plan. */
import { missingEndpoints } from "../../../infra/existing-subnets.ts";
import type { SecurityRule, SiteProperties } from "../../../infra/snapshot.ts";
import type { PlannedCheck } from "../../model/plan.ts";
import { listed, plannedCheck, shown, wording } from "../check.ts";
import type { DeployedSecurityRule } from "../azure/resources.ts";
import { PROVISION } from "../fixes.ts";
import type { DeploymentView, ServiceView } from "../view.ts";

export function networkChecks(_view: DeploymentView, service: ServiceView): PlannedCheck[] {
  const { name, azure, siteId, site, subnetId, subnet, subnetIsForeign, outboundRules, planId } = service;
  const delegations = subnet.delegations?.map(({ properties }) => properties?.serviceName ?? "?") ?? [];
  const endpoints = subnet.serviceEndpoints?.map(({ service }) => service ?? "?") ?? [];
  const others = <Site extends { readonly id: string }>(sites: readonly Site[]): Site[] =>
    sites.filter(({ id }) => id.toLowerCase() !== siteId.toLowerCase());
  const ofSite = { resource: siteId, read: azure.site, fix: PROVISION };
  const update = `# The owner of the subnet: az network vnet subnet update --ids ${subnetId}`;
  const ofSubnet = { resource: subnetId, read: azure.subnet };
  const fixBy = (options: string): string => (subnetIsForeign ? `${update} ${options}` : PROVISION);
  return [
    plannedCheck({
      ...ofSite,
      id: `network/${name}/subnet`,
      title: `${name}: the subnet that its calls come from`,
      expected: subnetId,
      why: "Services tell their callers apart by their subnets: in another's subnet it has the other's access.",
      found: ({ properties }) => listed([properties.virtualNetworkSubnetId ?? "not integrated"], [subnetId]),
    }),
    plannedCheck({
      ...ofSite,
      id: `network/${name}/routing`,
      title: `${name}: all outbound traffic goes through the virtual network`,
      expected: routing(site.outboundVnetRouting),
      why: "Calls past the virtual network arrive from the internet, and are refused.",
      found: ({ properties }) => routing(properties.outboundVnetRouting),
    }),
    plannedCheck({
      ...ofSubnet,
      id: `network/${name}/delegation`,
      title: `${name}: the delegation of its subnet`,
      expected: wording(delegations),
      why: "A subnet that is not App Service's alone can contain machines whose calls are let in like the service's.",
      found: ({ properties }) =>
        listed(properties.delegations?.map((delegation) => delegation.properties.serviceName) ?? [], delegations),
      mustExist: true,
      fix: fixBy(`--delegations ${delegations.join(" ")}`),
    }),
    plannedCheck({
      ...ofSubnet,
      id: `network/${name}/service-endpoints`,
      title: `${name}: the service endpoints of its subnet`,
      expected: wording(endpoints),
      why: "Without them its calls do not carry the subnet, and services and storage refuse it.",
      found: ({ properties }) => {
        const found = namesOf(properties.serviceEndpoints);
        // The owner of a subnet may need others as well.
        const missing = missingEndpoints(found, endpoints);
        const needed = endpoints.filter((endpoint) => !missing.includes(endpoint));
        return listed(subnetIsForeign ? needed : found, endpoints);
      },
      // The command replaces the list: what is there stays in it.
      fix: ({ properties }) => {
        const found = namesOf(properties.serviceEndpoints);
        return fixBy(`--service-endpoints ${[...found, ...missingEndpoints(found, endpoints)].join(" ")}`);
      },
    }),
    ...(subnetIsForeign
      ? []
      : [
          plannedCheck({
            ...ofSubnet,
            fix: PROVISION,
            id: `network/${name}/security-group`,
            title: `${name}: the network security group of its subnet`,
            expected: shown(subnet.networkSecurityGroup?.id),
            why: "Without it, a stolen caller can send tokens and data anywhere.",
            found: ({ properties }) => {
              const id = properties.networkSecurityGroup?.id;
              return listed(id === undefined ? [] : [id], [subnet.networkSecurityGroup?.id ?? ""]);
            },
          }),
          plannedCheck({
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
            fix: PROVISION,
          }),
        ]),
    plannedCheck({
      ...ofSubnet,
      id: `network/${name}/joined`,
      title: `${name}: which plans are joined to its subnet`,
      expected: planId,
      why: "An app on another plan in this subnet calls from it: its calls are let in like this service's.",
      found: ({ properties }) =>
        listed(
          (properties.serviceAssociationLinks ?? []).map((association) => association.properties.link ?? "unknown"),
          [planId],
        ),
      fix: ({ properties }) =>
        (properties.serviceAssociationLinks ?? [])
          .map((association) => association.properties.link ?? "unknown")
          .filter((link) => link.toLowerCase() !== planId.toLowerCase())
          .map(
            (link) =>
              `# For each app on ${link}: az webapp vnet-integration remove --resource-group <its group> --name <app>`,
          )
          .join("\n") || PROVISION,
    }),
    plannedCheck({
      ...ofSite,
      id: `network/${name}/plan`,
      title: `${name}: its plan`,
      expected: planId,
      why: "Apps on one plan share its machines and integration subnets: callees cannot distinguish them.",
      found: ({ properties }) => listed([properties.serverFarmId ?? "none"], [planId]),
    }),
    plannedCheck({
      id: `network/${name}/plan-alone`,
      title: `${name}: other sites on its plan`,
      resource: planId,
      read: azure.sitesOfPlan,
      expected: "nobody",
      why: "Apps on one plan share its machines and integration subnets: callees cannot distinguish them.",
      found: (sites) => {
        if (sites.length === 0) return "no site at all";
        return wording(
          others(sites).map((other) => other.name),
          "nobody",
        );
      },
      fix: (sites) =>
        others(sites)
          .map(({ id }) => `az functionapp update --ids ${id} --plan <a plan of its own>`)
          .join("\n") || PROVISION,
    }),
  ];
}

type Routing = {
  readonly [Option in keyof NonNullable<SiteProperties["outboundVnetRouting"]>]?: boolean | null | undefined;
};

/** Compares each option: Resource Manager can return false for a part of allTraffic. */
function routing(options: Routing | null | undefined): string {
  const { allTraffic, applicationTraffic, contentShareTraffic } = options ?? {};
  return `all: ${shown(allTraffic)}; application: ${shown(applicationTraffic)}; content share: ${shown(contentShareTraffic)}`;
}

/** A rule in words, without its name. */
function inWords({ properties }: SecurityRule | DeployedSecurityRule): string {
  const rule: Partial<DeployedSecurityRule["properties"]> = properties ?? {};
  const to = [rule.destinationAddressPrefix, ...(rule.destinationAddressPrefixes ?? [])].filter(Boolean).join();
  const ports = [rule.destinationPortRange, ...(rule.destinationPortRanges ?? [])].filter(Boolean).join();
  const fromAll = rule.sourceAddressPrefix === "*" && rule.sourcePortRange === "*";
  return `${shown(rule.priority)} ${shown(rule.access)} ${to}:${ports} (${shown(rule.protocol)}${fromAll ? "" : ", of some sources"})`;
}

function namesOf(endpoints: readonly { readonly service: string }[] | null | undefined): string[] {
  return endpoints?.map(({ service }) => service) ?? [];
}
