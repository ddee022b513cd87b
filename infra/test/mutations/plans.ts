import { resources, siteOf, type Snapshot, type Resource } from "../../snapshot.ts";
import { site, config, resource, plan, account, add, CALLER, CALLEE, there, mutationsOf } from "./change.ts";

export const planMutations = mutationsOf({
  "every service of the policy has a site, and no site is without a service": {
    "a site that the policy does not know": add("Microsoft.Web/sites", {
      name: "shadow",
      tags: { "azd-service-name": "shadow-func" },
    }),
  },
  "every service has a Linux plan of its own, of the kind and size asked for": {
    "the callee on the caller's plan": site((properties) => {
      properties.serverFarmId = there(properties.serverFarmId).replace(CALLEE, CALLER);
    }),
    "another size": plan(({ sku }) => {
      there(sku).name = "EP3";
    }),
    Windows: resource("Microsoft.Web/serverfarms", CALLEE, (properties) => {
      properties.reserved = false;
    }),
  },
  "a plan scales between the declared minimum and maximum of instances": {
    "a higher maximum": resource("Microsoft.Web/serverfarms", CALLEE, (properties) => {
      properties.maximumElasticWorkerCount = 100;
    }),
    "no instance always ready": config((siteConfig) => {
      siteConfig.minimumElasticInstanceCount = 0;
    }),
  },
  "Always On is set on a dedicated plan only": {
    "alwaysOn, which Elastic Premium refuses": config((siteConfig) => {
      siteConfig.alwaysOn = true;
    }),
    "no alwaysOn on a dedicated plan": {
      in: "dedicated",
      change: config((siteConfig) => {
        siteConfig.alwaysOn = false;
      }),
    },
  },
  "zone redundancy holds for the plan and for the storage behind it": {
    "data in one zone": {
      in: "everything",
      change: account("stdata", (_properties, found) => {
        found.sku = { name: "Standard_LRS" };
      }),
    },
  },
  "all resources carry azd's tag and the declared ones": {
    "a plan without the declared tag": {
      in: "everything",
      change: resource("Microsoft.Web/serverfarms", CALLEE, (_properties, { tags }) => {
        delete there(tags)["owner"];
      }),
    },
  },
  "a deployment to another cloud than the public one fails": {
    "no condition": (snapshot: Snapshot): void => {
      there(resources(snapshot, "Microsoft.Resources/resourceGroups")[0]).tags = {};
    },
  },
  "no two sites have the same host id": {
    // The callee's name everywhere, so that nothing else is wrong.
    "names that differ after the 32nd character only": (snapshot: Snapshot): void => {
      const [caller, callee] = [siteOf(snapshot, CALLER)?.name ?? "", siteOf(snapshot, CALLEE)?.name ?? ""];
      const alike = (end: string): string => `${"a".repeat(32)}-${end}`;
      const text = JSON.stringify(snapshot.predictedResources);
      const renamed = text.replaceAll(caller, alike("caller")).replaceAll(callee, alike("callee"));
      // The identities keep their names, which are made of the same parts.
      snapshot.predictedResources = JSON.parse(
        renamed
          .replaceAll(`id-${alike("caller")}`, `id-${caller}`)
          .replaceAll(`id-${alike("callee")}`, `id-${callee}`)
          .replaceAll(`plan-${alike("caller")}`, `plan-${caller}`)
          .replaceAll(`plan-${alike("callee")}`, `plan-${callee}`),
      ) as Resource[];
    },
  },
});
