/** Checks that no verification has left its probe behind. */
import * as v from "valibot";
import type { PlannedCheck } from "../../model/plan.ts";
import { found } from "../azure/reading.ts";
import { plannedCheck, wording } from "../check.ts";
import { pathOf, removalCommands } from "../probe/lifecycle.ts";
import { probeResources } from "../probe/template.ts";
import type { DeploymentView } from "../view.ts";

const NOTHING = "nothing is left";

export function probeChecks({ arm, deployment }: DeploymentView): PlannedCheck[] {
  const resources = probeResources(deployment);
  return [
    plannedCheck({
      id: "probe/left-behind",
      title: "Resources of the probe of a verification",
      resource: `resource group ${deployment.resourceGroup}`,
      expected: NOTHING,
      why: "They cost money, and a container there is inside the virtual network.",
      async read() {
        const left: string[] = [];
        for (const resource of resources) {
          const permission = `${typeOf(resource.id)}/read`;
          const reading = await arm.get(pathOf(resource), v.looseObject({}), permission);
          if (reading.kind === "unreadable") return reading;
          if (reading.kind === "found") left.push(resource.id);
        }
        return found(left);
      },
      found: (left) => wording(left, NOTHING),
      fix: (left) =>
        `# Is another verification running? Then wait for it. Else:\n${removalCommands(left.map((id) => ({ id })))}`,
    }),
  ];
}

/** `Microsoft.Network/virtualNetworks/subnets`, of an id of that type. */
function typeOf(id: string): string {
  const [provider = "", ...names] = id.replace(/^.*\/providers\//, "").split("/");
  return [provider, ...names.filter((_, i) => i % 2 === 0)].join("/");
}
