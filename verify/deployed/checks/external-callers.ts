/** Checks of external callers: their identities and networks, which other teams own. */
import { overlap, parseAddressRange } from "../../../tools/address-ranges.ts";
import type { PlannedCheck } from "../../model/plan.ts";
import { found } from "../azure/reading.ts";
import { plannedCheck, wording } from "../check.ts";
import { standingOf } from "./directory.ts";
import type { DeploymentView, ExternalCallerView } from "../view.ts";

export function externalCallerChecks({ deployment }: DeploymentView, caller: ExternalCallerView): PlannedCheck[] {
  const { name, entry, servicePrincipal } = caller;
  const { clientId, objectId, subnet, addressRanges } = entry;
  const resource = `service principal of ${clientId}`;
  return [
    plannedCheck({
      id: `external/${name}/service-principal`,
      title: `${name}: the object id of its service principal`,
      resource,
      read: servicePrincipal,
      expected: objectId,
      why: "The allow-list names the client id, and the roles go to the object id: they must be one client's.",
      found: ({ id }) => id,
      fix: `# Correct shared/access-policy.json by: az ad sp show --id ${clientId} --query id`,
      mustExist: true,
    }),
    plannedCheck({
      id: `external/${name}/enabled`,
      title: `${name}: sign-in, by its service principal`,
      resource,
      read: servicePrincipal,
      expected: "enabled",
      why: "Entra ID issues no token to a disabled service principal: every call fails.",
      found: standingOf,
      fix: `# The owner of ${name}: az ad sp update --id ${objectId} --set accountEnabled=true`,
    }),
    ...(subnet === undefined ? [] : [endpointCheck(caller, subnet)]),
    ...(addressRanges === undefined ? [] : [scmCheck(name, addressRanges, deployment.deployerRanges)]),
  ];
}

function endpointCheck({ name, subnet }: ExternalCallerView, id: string): PlannedCheck {
  const needed = "Microsoft.Web";
  return plannedCheck({
    id: `external/${name}/service-endpoint`,
    title: `${name}: the service endpoint of its subnet`,
    resource: id,
    read: subnet(id),
    expected: needed,
    why: "Without it, calls do not carry the subnet, and services refuse them.",
    // The owner may need others as well.
    found: ({ properties }) => {
      const endpoints = properties.serviceEndpoints?.map(({ service }) => service) ?? [];
      return endpoints.includes(needed) ? needed : wording(endpoints);
    },
    // The command replaces the list: what is there stays in it.
    fix: ({ properties }) => {
      const endpoints = properties.serviceEndpoints?.map(({ service }) => service) ?? [];
      return `# The owner of the subnet: az network vnet subnet update --ids ${id} --service-endpoints ${[...endpoints, needed].join(" ")}`;
    },
    mustExist: true,
  });
}

/** The restriction checks compare the rules of SCM sites with the declared ranges. */
function scmCheck(name: string, addressRanges: readonly string[], deployerRanges: readonly string[]): PlannedCheck {
  const own = addressRanges.flatMap((text) => parseAddressRange(text) ?? []);
  return plannedCheck({
    id: `external/${name}/scm`,
    title: `${name}: its addresses among those of deployers`,
    resource: "RESTRICTED_DEPLOYER_ADDRESS_RANGES",
    read: () => Promise.resolve(found(deployerRanges)),
    expected: "none",
    why: "From the SCM site the app's code can be replaced, and with it the check of tokens.",
    found: (ranges) =>
      wording(
        ranges.filter((text) => {
          const range = parseAddressRange(text);
          return range === undefined || own.some((one) => overlap(one, range));
        }),
      ),
    fix: "# Deploy from other addresses: azd env set RESTRICTED_DEPLOYER_ADDRESS_RANGES <ranges>\nazd provision",
  });
}
