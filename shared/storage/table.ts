import { RestError, TableClient } from "@azure/data-tables";
import { AuthenticationError, CredentialUnavailableError, type TokenCredential } from "@azure/identity";

/**
 * A client for a table, reached with an identity, never with a key. The table is created at first use: a data-plane
 * call that the role *Storage Table Data Contributor* allows.
 *
 * @param endpoint the account's table service, `https://{account}.table.core.windows.net`
 */
export function openTable(endpoint: string, name: string, credential: TokenCredential): () => Promise<TableClient> {
  const client = new TableClient(endpoint, name, credential);
  let created: Promise<TableClient> | undefined;
  return () => {
    // createTable answers without an error where the table is there already. A failure is forgotten: the next use tries again.
    created ??= client.createTable().then(
      () => client,
      (error: unknown) => {
        created = undefined;
        throw error;
      },
    );
    return created;
  };
}

/** Resolves to undefined where the awaited entity does not exist. */
export async function orUndefined<T>(entity: Promise<T>): Promise<T | undefined> {
  try {
    return await entity;
  } catch (error) {
    if (error instanceof RestError && error.statusCode === 404) return undefined;
    throw error;
  }
}

/**
 * True where a write lost a race: the ETag had changed (412), the entity to insert was there already (409), or the one
 * to replace was gone (404).
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
 */
export function isLostRace(error: unknown): boolean {
  return error instanceof RestError && [404, 409, 412].includes(error.statusCode ?? 0);
}

/** True where storage did not answer, was busy, or did not know the identity (yet): the request may be tried again. */
export function isStorageFailure(error: unknown): boolean {
  if (error instanceof RestError) {
    return error.statusCode === undefined || error.statusCode >= 500 || [401, 403, 408, 429].includes(error.statusCode);
  }
  return error instanceof CredentialUnavailableError || error instanceof AuthenticationError;
}
