import { resources, siteOf, type Snapshot, type Resource } from "../../snapshot.ts";
import { site, config, resource, plan, account, add, CALLER, CALLEE, there, type Mutation } from "./change.ts";

export const planMutations: readonly Mutation[] = [
  {
    breaks: "every service of the policy has a site, and no site is without a service",
    by: "a site that the policy does not know",
    change: add("Microsoft.Web/sites", { name: "shadow", tags: { "azd-service-name": "shadow-func" } }),
  },
  {
    breaks: "every service has a Linux plan of its own, of the kind and size asked for",
    by: "the callee on the caller's plan",
    change: site((properties) => {
      properties.serverFarmId = there(properties.serverFarmId).replace(CALLEE, CALLER);
    }),
  },
  {
    breaks: "every service has a Linux plan of its own, of the kind and size asked for",
    by: "another size",
    change: plan(({ sku }) => {
      there(sku).name = "EP3";
    }),
  },
  {
    breaks: "every service has a Linux plan of its own, of the kind and size asked for",
    by: "Windows",
    change: resource("Microsoft.Web/serverfarms", CALLEE, (properties) => {
      properties.reserved = false;
    }),
  },
  {
    breaks: "a plan scales between the declared minimum and maximum of instances",
    by: "a higher maximum",
    change: resource("Microsoft.Web/serverfarms", CALLEE, (properties) => {
      properties.maximumElasticWorkerCount = 100;
    }),
  },
  {
    breaks: "a plan scales between the declared minimum and maximum of instances",
    by: "no instance always ready",
    change: config((siteConfig) => {
      siteConfig.minimumElasticInstanceCount = 0;
    }),
  },
  {
    breaks: "the app is kept loaded where the plan does not do so by itself",
    by: "alwaysOn, which Elastic Premium refuses",
    change: config((siteConfig) => {
      siteConfig.alwaysOn = true;
    }),
  },
  {
    breaks: "the app is kept loaded where the plan does not do so by itself",
    by: "no alwaysOn on a dedicated plan",
    in: "dedicated",
    change: config((siteConfig) => {
      siteConfig.alwaysOn = false;
    }),
  },
  {
    breaks: "zone redundancy holds for the plan and for the storage behind it",
    by: "data in one zone",
    in: "everything",
    change: account("stdata", (_properties, found) => {
      found.sku = { name: "Standard_LRS" };
    }),
  },
  {
    breaks: "all resources carry azd's tag and the declared ones",
    by: "a plan without the declared tag",
    in: "everything",
    change: resource("Microsoft.Web/serverfarms", CALLEE, (_properties, { tags }) => {
      delete there(tags)["owner"];
    }),
  },
  {
    breaks: "a deployment to another cloud than the public one fails",
    by: "no condition",
    change: (snapshot: Snapshot): void => {
      there(resources(snapshot, "Microsoft.Resources/resourceGroups")[0]).tags = {};
    },
  },
  {
    breaks: "no two sites have the same host id",
    by: "names that differ after the 32nd character only",
    // The callee's name everywhere, so that nothing else is wrong.
    change: (snapshot: Snapshot): void => {
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
];
