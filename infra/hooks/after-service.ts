/** Runs after azd has deployed the service that the argument names: fails if the site does not have the new code. */
import { reasonOf } from "../../tools/command-line.ts";
import { accessToken } from "../azd.ts";
import { publicCloud } from "../public-cloud.ts";
import { deploymentOf, readSites } from "../scm-access/resource-manager.ts";
import { readStart, requireDeployed, synchroniseTriggers } from "./deployed-code.ts";
import { deployedServices } from "./environment.ts";

try {
  const [name = ""] = process.argv.slice(2);
  const service = deployedServices(process.env).find((deployed) => deployed.name === name);
  if (service === undefined) throw new Error(`The output SERVICES has no service '${name}': run azd provision.`);
  const start = readStart();
  const { resourceManager } = publicCloud;
  const deployment = { ...deploymentOf(process.env), resourceManager, token: accessToken() };
  const site = (await readSites(deployment)).find((found) => found.name === service.siteName);
  if (site === undefined)
    throw new Error(`${service.siteName} is not in ${deployment.resourceGroup}: run azd provision.`);
  await requireDeployed(deployment, site, start);
  await synchroniseTriggers(deployment, site);
} catch (error) {
  console.error(reasonOf(error));
  process.exitCode = 1;
}
