/** Runs before `azd down`: names what outlives the resource group, with the commands that remove it. */
import { deployedServices, isApi, isCaller } from "./services.ts";

const {
  AZURE_TENANT_ID: tenantId = "<tenant id>",
  CALLER_CREDENTIAL: credential,
  API_CLIENT_IDS: prepared = "",
} = process.env;
const services = deployedServices(process.env);
const apis = services.filter(({ name }) => isApi(name));
const callers = credential === "federated-identity" ? services.filter(({ name }) => isCaller(name)) : [];

if (prepared === "" && apis.length > 0) {
  console.log("App registrations are in the directory, not in the resource group: azd down leaves them. Afterwards:");
  for (const { siteName } of apis) console.log(`  az ad app delete --id api://${tenantId}/${siteName}`);
  for (const { name, siteName } of callers) {
    const uniqueName = siteName.replace(`${name}-`, `${name}-client-`);
    console.log(
      `  az ad app list --filter "uniqueName eq '${uniqueName}'" --query "[].appId"   # then: az ad app delete --id`,
    );
  }
}
