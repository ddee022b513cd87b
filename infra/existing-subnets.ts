/** Subnets that another team owns, as the hooks and the proof see them. */

/**
 * The resource ids of the subnets that are brought along, by service.
 *
 * @param text of RESTRICTED_EXISTING_SUBNETS: JSON, or empty for none
 * @returns undefined if the text is no JSON object of texts
 */
export function existingSubnets(text = ""): Readonly<Record<string, string>> | undefined {
  try {
    const read: unknown = JSON.parse(text === "" ? "{}" : text);
    const isById = typeof read === "object" && read !== null && !Array.isArray(read);
    if (isById && Object.values(read).every((id) => typeof id === "string")) return read as Record<string, string>;
  } catch {
    // No JSON.
  }
  return undefined;
}

/**
 * The service endpoints that a subnet lacks. Microsoft.Storage.Global serves the accounts of all regions, and a subnet with it
 * cannot have Microsoft.Storage.
 *
 * @see https://learn.microsoft.com/azure/storage/common/storage-network-security#azure-storage-cross-region-service-endpoints
 */
export function missingEndpoints(found: readonly string[], needed: readonly string[]): string[] {
  return needed.filter(
    (name) => !found.includes(name) && !(name === "Microsoft.Storage" && found.includes("Microsoft.Storage.Global")),
  );
}
