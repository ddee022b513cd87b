/** The invariants of sites, plans, instances and tags. */
import { resources } from "../snapshot.ts";
import { invariant, type Invariant } from "./invariant.ts";
import { forEachService, same, servicesOf } from "./services.ts";

export const planInvariants: readonly Invariant[] = [
  invariant("every service of the policy has a site, and no site is without a service", (snapshot, { policy }) =>
    same(
      "sites by service",
      resources(snapshot, "Microsoft.Web/sites")
        .map(({ tags }) => tags?.["azd-service-name"])
        .sort(),
      Object.keys(policy.services).sort(),
    ),
  ),
  invariant(
    "every service has a Linux plan of its own, of the kind and size asked for",
    forEachService(({ name, site, plan }, { parameters: { plan: expected } }) => [
      ...same(`${name}: the site's plan`, site?.properties?.serverFarmId, plan?.id),
      ...same(`${name}: sku`, plan?.sku?.name, expected.sku),
      ...same(`${name}: tier`, plan?.sku?.tier, expected.kind === "Dedicated" ? undefined : "ElasticPremium"),
      ...same(`${name}: kind`, plan?.kind, expected.kind === "Dedicated" ? "linux" : "elastic"),
      ...same(`${name}: reserved (Linux)`, plan?.properties?.reserved, true),
    ]),
  ),
  invariant(
    "a plan scales between the declared minimum and maximum of instances",
    forEachService(({ name, plan, config }, { parameters: { plan: expected } }) => {
      const [minimum, maximum] = expected.instances;
      const elastic = expected.kind === "ElasticPremium";
      return [
        ...same(`${name}: instances of the plan`, plan?.sku?.capacity, minimum),
        ...same(`${name}: most instances`, plan?.properties?.maximumElasticWorkerCount, elastic ? maximum : undefined),
        ...same(`${name}: always ready`, config.minimumElasticInstanceCount, elastic ? minimum : null),
        ...same(`${name}: the app's own limit`, config.functionAppScaleLimit, elastic ? maximum : null),
      ];
    }),
  ),
  invariant(
    "Always On is set on a dedicated plan only",
    forEachService(({ name, config }, { parameters: { plan } }) =>
      same(`${name}: alwaysOn`, config.alwaysOn, plan.kind === "Dedicated"),
    ),
  ),
  invariant(
    "zone redundancy holds for the plan and for the storage behind it",
    forEachService(({ name, plan, hostAccount, dataAccount }, { parameters }) => {
      const { zoneRedundant } = parameters.plan;
      const sku = zoneRedundant ? "Standard_ZRS" : "Standard_LRS";
      return [
        ...same(`${name}: zone redundancy of the plan`, plan?.properties?.zoneRedundant, zoneRedundant),
        ...same(`${name}: storage of the host`, hostAccount?.sku?.name, sku),
        ...same(`${name}: storage of the data`, dataAccount?.sku?.name, sku),
      ];
    }),
  ),
  invariant("all resources carry azd's tag and the declared ones", (snapshot, { parameters: { tags } }) => {
    const tagged = snapshot.predictedResources.filter(
      ({ type, location }) => location !== undefined && type !== "Microsoft.Resources/resourceGroups",
    );
    return tagged.flatMap(({ name, tags: found = {} }) =>
      [...Object.keys(tags), "azd-env-name"]
        .filter((tag) => found[tag] === undefined)
        .map((tag) => `${name ?? "?"} has no tag ${tag}`),
    );
  }),
  invariant("a deployment to another cloud than the public one fails", (snapshot) => {
    // The compiler does not know the cloud, so the condition stays an expression in the tags of the resource group.
    const [group] = resources(snapshot, "Microsoft.Resources/resourceGroups");
    const condition = "if(equals(environment().name, 'AzureCloud'), createObject(), fail(";
    return same("the resource group's tags have the condition", JSON.stringify(group?.tags).includes(condition), true);
  }),
  invariant("no two sites have the same host id", (snapshot, expected) => {
    const ids = servicesOf(snapshot, expected).map(({ site }) => site?.name?.slice(0, 32));
    return same("different first 32 characters of the sites' names", new Set(ids).size, ids.length);
  }),
];
