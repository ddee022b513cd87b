/** Runs before `azd down`: names what outlives the resource group, with the commands that remove it. */
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
  console.log("App registrations are in the directory, not in the resource group: azd down leaves them. Afterwards:");
  for (const { siteName } of apis) console.log(`  az ad app delete --id api://${tenantId}/${siteName}`);
  for (const { name } of callers) {
    const displayName = `${name} as a client (${environmentName})`;
    console.log(
      `  az ad app list --display-name "${displayName}" --query "[].appId"   # then, for that id: az ad app delete --id`,
    );
  }
}
