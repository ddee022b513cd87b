/** Names that follow from a service's name. */

/**
 * The prefix of the settings by which a caller calls a service: `CALLEE` for callee-func, in `CALLEE_URL` and `CALLEE_SCOPE`.
 * `settingPrefix` in infra/types.bicep has the same rule; `npm run infra:check` compares the two.
 *
 * @param service a service's name in the access policy
 */
export function settingPrefix(service: string): string {
  return withoutEnding(service).replaceAll("-", "_").toUpperCase();
}

/**
 * The setting that gets the endpoint of a service's tables. infra/modules/service.bicep has the same default.
 *
 * @param options the service's entry in the service options, if it has one
 */
export function tableEndpointSettingOf(options: { readonly tableEndpointSetting?: string } = {}): string {
  return options.tableEndpointSetting ?? "DATA_TABLE_ENDPOINT";
}

/** The name of a service's storage account on this machine: `callerdata` for caller-func. */
export function storageAccount(service: string): string {
  return `${withoutEnding(service).replaceAll("-", "")}data`;
}

function withoutEnding(service: string): string {
  return service.replace(/-func$/, "");
}
