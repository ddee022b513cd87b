/** Runs before `azd down`: names what outlives the resource group, with the commands that remove it. */
import { publicCloud } from "../public-cloud.ts";
import { deployedServices, isApi, isCaller } from "./services.ts";

const {
  AZURE_ENV_NAME: environmentName = "<environment>",
  AZURE_TENANT_ID: tenantId = "<tenant id>",
  CALLER_CREDENTIAL: credential,
  API_CLIENT_IDS: prepared = "",
} = process.env;
const services = deployedServices(process.env);
const apis = services.filter(({ name }) => isApi(name));
const callers = credential === "federated-identity" ? services.filter(({ name }) => isCaller(name)) : [];

if (prepared === "" && apis.length > 0) {
  console.log(`App registrations are in the directory, not in the resource group: azd down leaves them.
Keep them when you create this environment again: azd up takes them over, by their unique names.
Otherwise, afterwards, two steps for each. First read its object id, and delete it:`);
  for (const { siteName } of apis) {
    console.log(`  az ad app show --id api://${tenantId}/${siteName} --query id`);
    console.log(`  az ad app delete --id api://${tenantId}/${siteName}`);
  }
  for (const { name } of callers) {
    const displayName = `${name} as a client (${environmentName})`;
    console.log(
      `  az ad app list --display-name "${displayName}" --query "[].id"   # then, for that id: az ad app delete --id`,
    );
  }
  // https://learn.microsoft.com/graph/api/directory-deleteditems-delete
  console.log(`A deleted registration keeps its unique name for 30 days, and azd up cannot create another one. So, for each id:
  az rest --method DELETE --url "${publicCloud.graph}/v1.0/directory/deletedItems/<object id>"`);
}
