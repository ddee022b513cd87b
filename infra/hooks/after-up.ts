/** Runs at the end of `azd up`: prints the services' addresses and the next steps. */
import { isApi } from "../../tools/access-policy.ts";
import { deployedServices } from "./environment.ts";

const { AZURE_RESOURCE_GROUP: group = "<resource group>" } = process.env;
const services = deployedServices(process.env);
const entry = services.find(({ name }) => !isApi(name));

console.log("\nDeployed:");
for (const { name, url } of services)
  console.log(`  ${name}  ${url}${isApi(name) ? "  (refuses everybody but its callers)" : ""}`);
if (entry !== undefined) {
  console.log(`
Next:
  # A function key of ${entry.name}
  az functionapp keys list --resource-group ${group} --name ${entry.siteName} --query functionKeys.default --output tsv

  # An order crosses the restricted call
  curl -i ${entry.url}/api/orders -H "x-functions-key: <key>" -H "Content-Type: application/json" -d '{"sku": "widget", "quantity": 2}'

  # Prove that nobody else can call it
  npm run verify -- --deployed
`);
}
