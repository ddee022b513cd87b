/** Names that follow from a service's name. */

/**
 * The setting that gets the endpoint of a service's tables. infra/modules/service.bicep has the same default.
 *
 * @param options the service's entry in the service options, if it has one
 */
export function tableEndpointSettingOf(options: { readonly tableEndpointSetting?: string } = {}): string {
  return options.tableEndpointSetting ?? "DATA_TABLE_ENDPOINT";
}

/** Identities of the local Entra for tests, beside those of the services. No service has such a name. */
export const TEST_IDENTITIES = ["reader-only", "no-role", "unlisted", "other-tenant", "caller-app"] as const;

/** Other kinds of callers that the proof has beside those of the access policy. No caller has such a name. */
export const CALLER_KINDS = [
  ...["other-role", "unassigned", "not-listed", "delegated", "master-key", "no-token", "forged-token", "signed-in"],
] as const;

/** The command of package.json that runs a service's app under Core Tools: `npm run start:caller` for caller-func. */
export function startCommand(service: string): string {
  return `npm run ${startScript(service)}`;
}

/** Its name there. */
export function startScript(service: string): string {
  return `start:${service.replace(/-func$/, "")}`;
}

/** The name of a service's storage account on this machine: `callerdata` for caller-func. */
export function storageAccount(service: string): string {
  return `${service.replace(/-func$/, "").replaceAll("-", "")}data`;
}
