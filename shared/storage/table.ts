import type { PipelineResponse } from "@azure/core-rest-pipeline";
import type { RestError, TableClient } from "@azure/data-tables";
import {
  createTokenSource,
  type NewCredential,
  type TokenSource,
  TokenTimeoutError,
} from "../identity/token-source.ts";

const STORAGE_SCOPE = "https://storage.azure.com/.default";

/** Table storage answers in milliseconds; a request ends after this, in milliseconds: the SDK itself waits for ever. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Two more tries pass a throttled or moving partition; what has timed out is not tried again. */
const retryOptions = { maxRetries: 2, retryDelayInMs: 300, maxRetryDelayInMs: 1_000 };

/**
 * A client for a table, reached with an identity, never with a key. The table is created at first use, and again where it has
 * been deleted since: a data-plane call that the role *Storage Table Data Contributor* allows.
 *
 * @param endpoint the account's table service, `https://{account}.table.core.windows.net`
 */
export function openTable(endpoint: string, name: string, credential: NewCredential): () => Promise<TableClient> {
  const tokens = createTokenSource(credential, STORAGE_SCOPE);
  const open = async (): Promise<TableClient> => {
    const client = await connect(endpoint, name, tokens);
    // Answers without an error where the table is there already.
    await client.createTable();
    return client;
  };
  let opened: Promise<TableClient> | undefined;
  return () => {
    // A failure is forgotten: the next use tries again.
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

async function connect(endpoint: string, name: string, tokens: TokenSource): Promise<TableClient> {
  const { TableClient } = await import("../on-demand/table-client.ts");
  const client = new TableClient(endpoint, name, { retryOptions });
  // In place of the SDK's own policy, which can end the process: see `createTokenSource`.
  client.pipeline.addPolicy(
    {
      name: "bearerTokenAndTimeout",
      async sendRequest(request, next) {
        request.headers.set("Authorization", `Bearer ${await tokens.get()}`);
        request.timeout = REQUEST_TIMEOUT_MS;
        return next(request);
      },
    },
    { phase: "Sign" },
  );
  client.pipeline.addPolicy(
    {
      name: "createDeletedTable",
      async sendRequest(request, next) {
        const response = await next(request);
        if (!saysNoTable(response)) return response;
        console.warn(`The table ${name} was deleted, with all its rows. It is created again.`);
        await client.createTable();
        return next(request);
      },
    },
    // Where an answer has not become an error yet.
    { afterPhase: "Deserialize" },
  );
  return client;
}

/** A transaction's answer is 202, with the one of the change that failed in it. */
function saysNoTable({ status, bodyAsText }: PipelineResponse): boolean {
  return (status === 404 || status === 202) && /"code":\s*"TableNotFound"/.test(bodyAsText ?? "");
}

/** An OData filter: the rows of a partition with keys from the one to before the other. */
export function keysBetween(partition: string, from: string, to: string): string {
  return `PartitionKey eq ${quoted(partition)} and RowKey ge ${quoted(from)} and RowKey lt ${quoted(to)}`;
}

/** A text in an OData filter: OData doubles a quote within it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Resolves to undefined where the awaited entity does not exist. */
export async function orUndefined<T>(entity: Promise<T>): Promise<T | undefined> {
  try {
    return await entity;
  } catch (error) {
    if (isRestError(error) && error.statusCode === 404 && !isAboutTable(error)) return undefined;
    throw error;
  }
}

/**
 * True where a write lost a race: the ETag had changed (412), the entity to insert was there already (409), or the one
 * to replace was gone (404). Not where the table itself is gone: nobody has won then.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
 */
export function isLostRace(error: unknown): boolean {
  return isRestError(error) && [404, 409, 412].includes(error.statusCode ?? 0) && !isAboutTable(error);
}

/**
 * True where storage did not answer, was busy, did not know the identity (yet), or was about to delete the table: the
 * request may be tried again.
 */
export function isStorageFailure(error: unknown): boolean {
  if (isRestError(error)) {
    const { statusCode } = error;
    if (statusCode === undefined || statusCode >= 500 || isAboutTable(error)) return true;
    return [401, 403, 408, 429].includes(statusCode);
  }
  return (
    error instanceof TokenTimeoutError ||
    (error instanceof Error && ["AuthenticationError", "CredentialUnavailableError", "AbortError"].includes(error.name))
  );
}

/**
 * A deleted table answers 409 for 40 seconds or more, and 404 after that.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/delete-table#remarks
 */
function isAboutTable({ code, details }: RestError): boolean {
  // The SDK puts the code of a transaction's answer here, and that of others there.
  const { errorCode } = Object(details) as { readonly errorCode?: unknown };
  return [code, errorCode].some((found) => found === "TableNotFound" || found === "TableBeingDeleted");
}

/** By its name, as errors of `@azure/identity` are told above: their classes are loaded on demand. */
function isRestError(error: unknown): error is RestError {
  return error instanceof Error && error.name === "RestError";
}
