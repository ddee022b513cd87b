/** Runs at the end of `azd up`: prints the services' addresses and the next steps. */
import { isApi } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { contracts, curlOf, operationsOf } from "../../tools/contracts.ts";
import { deployedServices } from "./environment.ts";

const { AZURE_RESOURCE_GROUP: group = "<resource group>" } = process.env;
const services = deployedServices(process.env);
const entry = services.find(({ name }) => !isApi(accessPolicy, name));

console.log("\nDeployed:");
for (const { name, url } of services)
  console.log(`  ${name}  ${url}${isApi(accessPolicy, name) ? "  (refuses everybody but its callers)" : ""}`);
if (entry !== undefined) {
  const id = contracts[entry.name]?.positiveCall?.operation;
  const call = operationsOf(entry.name).find((operation) => operation.id === id);
  const tries = call?.sample && [
    "  # A call from end to end",
    `  ${curlOf(entry.url, call, call.sample("first"), call.access === "public" ? [] : ['"x-functions-key: <key>"'])}\n\n`,
  ];
  console.log(`
Next:
  # A function key of ${entry.name}
  az functionapp keys list --resource-group ${group} --name ${entry.siteName} --query functionKeys.default --output tsv

${tries?.join("\n") ?? ""}  # Prove that nobody else can call it
  npm run verify -- --deployed
`);
}
