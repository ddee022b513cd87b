/** Commands that fix what a check finds. */
import type { Deployment } from "./environment.ts";

/** Without `--no-state`, azd skips a deployment whose templates have not changed. */
export const PROVISION = "azd provision --no-state";

/**
 * For a value that an Azure Policy may have set. The next deployment sets it back, and so does the policy.
 *
 * @see https://learn.microsoft.com/azure/governance/policy/concepts/effect-modify
 * @see https://learn.microsoft.com/cli/azure/policy/state#az-policy-state-list
 */
export function provisionUnlessPolicy({ resourceGroup }: Pick<Deployment, "resourceGroup">): string {
  return (
    `${PROVISION}\n# Does it come back? An Azure Policy with effect Modify did that; get an exemption from the one that this names:\n` +
    `az policy state list --resource-group ${resourceGroup} --filter "PolicyDefinitionAction eq 'modify'"`
  );
}

/** Sets the app registrations: the deployment does, or a directory administrator. */
export function provisionDirectory({ directoryIsPrepared, environment, callerCredential }: Deployment): string {
  if (!directoryIsPrepared) return PROVISION;
  return `npm run entra -- --environment ${environment} --caller-credential ${callerCredential}`;
}
