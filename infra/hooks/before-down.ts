/** Runs before `azd down`: names what the deletion of the resource group leaves, and the commands that remove it. */
import { publicCloud } from "../public-cloud.ts";
import { apiNames, callerNames } from "@restricted-calls/shared/access-policy";
import { accessPolicy } from "../../tools/access-policy.ts";
import { deployedServices, isPrepared } from "./environment.ts";

const {
  AZURE_ENV_NAME: environmentName = "<environment>",
  AZURE_TENANT_ID: tenantId,
  RESTRICTED_CALLER_CREDENTIAL: credential,
} = process.env;
// azd removes the outputs with the resource group. A second azd down has none and takes the names from the policy.
const siteNames = new Map(deployedServices(process.env).map(({ name, siteName }) => [name, siteName]));
const byName = (displayName: string): string =>
  `az ad app list --filter "displayName eq '${displayName}'" --query "[].id"`;

// The display names are those of infra/modules/entra.bicep.
const apis = apiNames(accessPolicy).map((name) => {
  const siteName = siteNames.get(name);
  return siteName === undefined || tenantId === undefined
    ? byName(`${name} (${environmentName})`)
    : `az ad app show --id api://${tenantId}/${siteName} --query id`;
});
const callers =
  credential === "federated-identity"
    ? callerNames(accessPolicy).map((name) => byName(`${name} as a client (${environmentName})`))
    : [];

if (!isPrepared(process.env)) {
  // https://learn.microsoft.com/graph/api/directory-deleteditems-delete
  console.log(`App registrations are in the directory, not in the resource group: azd down leaves them.
If you will create this environment again, keep them: azd up finds them by their unique names and updates them.
Otherwise, after azd down, read the object id of each. A list may contain one of another environment with the same name
in another subscription: do not delete that one.
${[...apis, ...callers].map((command) => `  ${command}`).join("\n")}
Then two steps for each id: a deleted registration keeps its unique name for 30 days, and azd up cannot create another one.
  az ad app delete --id <object id>
  az rest --method DELETE --url "${publicCloud.graph}/v1.0/directory/deletedItems/<object id>"`);
}
