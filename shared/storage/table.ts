// Opens a table, and tells its errors apart.
import type { PipelineResponse } from "@azure/core-rest-pipeline";
import type { RestError, TableClient } from "@azure/data-tables";
import {
  createTokenSource,
  type NewCredential,
  type TokenSource,
  TokenTimeoutError,
} from "../identity/token-source.ts";

const STORAGE_SCOPE = "https://storage.azure.com/.default";

/** The timeout of a request, in milliseconds: the SDK has none. Table storage responds in milliseconds. */
const REQUEST_TIMEOUT_MS = 5_000;
/** Two retries bridge a throttled or moving partition; a timeout is not retried. */
const retryOptions = { maxRetries: 2, retryDelayInMs: 300, maxRetryDelayInMs: 1_000 };

/**
 * Opens a table with an identity, never with a key. The table is created at its first use, and again after it was deleted: the
 * role *Storage Table Data Contributor* allows that.
 *
 * @param endpoint the account's table service, `https://{account}.table.core.windows.net`
 */
export function openTable(endpoint: string, name: string, credential: NewCredential): () => Promise<TableClient> {
  const tokens = createTokenSource(credential, STORAGE_SCOPE);
  const open = async (): Promise<TableClient> => {
    const client = await connect(endpoint, name, tokens);
    // No error if the table exists.
    await client.createTable();
    return client;
  };
  let opened: Promise<TableClient> | undefined;
  return () => {
    // A failure is not kept: the next use tries again.
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

/**
 * The requests to tables that were opened here, and the errors of these requests and of their tokens. A handler's other clients of Azure, such
 * as one of Key Vault, throw errors of the same classes.
 */
const ours = new WeakSet<object>();

async function connect(endpoint: string, name: string, tokens: TokenSource): Promise<TableClient> {
  const { TableClient } = await import("../on-demand/table-client.ts");
  const client = new TableClient(endpoint, name, { retryOptions });
  // Replaces the SDK's own policy, which can end the process: see `createTokenSource`.
  client.pipeline.addPolicy(
    {
      name: "bearerTokenAndTimeout",
      async sendRequest(request, next) {
        ours.add(request);
        request.headers.set("Authorization", `Bearer ${await tokens.get().catch(markedAsOurs)}`);
        request.timeout = REQUEST_TIMEOUT_MS;
        return next(request).catch(markedAsOurs);
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
    // Before a response becomes an error.
    { afterPhase: "Deserialize" },
  );
  client.pipeline.addPolicy(
    { name: "withoutKeys", sendRequest: async (request, next) => withoutKeys(await next(request)) },
    { afterPhase: "Deserialize" },
  );
  return client;
}

/** Of a token, of its credential, and of a timeout: by name, because their classes are loaded on demand. */
const FAILURES = ["AuthenticationError", "CredentialUnavailableError", "AbortError"];

function markedAsOurs(error: unknown): never {
  if (error instanceof Error) ours.add(error);
  throw error;
}

/** The response to a transaction is 202, and contains that of the change that failed. */
function saysNoTable({ status, bodyAsText }: PipelineResponse): boolean {
  return (status === 404 || status === 202) && /"code":\s*"TableNotFound"/.test(bodyAsText ?? "");
}

/**
 * The response to a transaction without the headers that contain keys: the SDK splits it at "--changesetresponse_", which a key
 * may contain, and would fail although the transaction succeeded.
 */
function withoutKeys(response: PipelineResponse): PipelineResponse {
  const { status, bodyAsText } = response;
  if (status !== 202 || typeof bodyAsText !== "string") return response;
  return { ...response, bodyAsText: bodyAsText.replace(/^(Location|DataServiceId):.*/gim, "") };
}

/** An OData filter: the rows of a partition from one key (inclusive) to another (exclusive). */
export function keysBetween(partition: string, from: string, to: string): string {
  return `PartitionKey eq ${quoted(partition)} and RowKey ge ${quoted(from)} and RowKey lt ${quoted(to)}`;
}

/** A text in an OData filter, with quotes doubled. */
function quoted(text: string): string {
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
 * True if a write lost a race: the ETag had changed (412), the entity to insert existed (409), or the one to replace did not
 * (404). False if the table itself is missing: then no other write succeeded.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions
 */
export function isLostRace(error: unknown): boolean {
  return isRestError(error) && [404, 409, 412].includes(error.statusCode ?? 0) && !isAboutTable(error);
}

/**
 * The place (from 0) of the change of a transaction whose entity existed already, or NaN if storage does not name it; undefined
 * for another error.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/performing-entity-group-transactions#sample-error-response
 */
export function existingEntity(error: unknown): number | undefined {
  // The message starts with the place: "2:The specified entity already exists."
  return isRestError(error) && error.code === "EntityAlreadyExists" ? Number.parseInt(error.message) : undefined;
}

/**
 * True if a table that `openTable` opened did not respond, was busy, did not know the identity (yet), or was being deleted: the
 * request may be repeated.
 */
export function isStorageFailure(error: unknown): boolean {
  if (isRestError(error)) {
    const { statusCode, request } = error;
    if (request !== undefined && !ours.has(request)) return false;
    if (isAboutTable(error)) return true;
    if (request === undefined) return false;
    return statusCode === undefined || statusCode >= 500 || [401, 403, 408, 429].includes(statusCode);
  }
  return (
    error instanceof Error && ours.has(error) && (error instanceof TokenTimeoutError || FAILURES.includes(error.name))
  );
}

/**
 * The response for a deleted table is 409 for 40 seconds or more, then 404.
 *
 * @see https://learn.microsoft.com/rest/api/storageservices/delete-table#remarks
 */
function isAboutTable({ code, details }: RestError): boolean {
  // The SDK sets `code` for a transaction, and `details` for other requests.
  const { errorCode } = Object(details) as { readonly errorCode?: unknown };
  return [code, errorCode].some((found) => found === "TableNotFound" || found === "TableBeingDeleted");
}

/** By its name, like the errors of `@azure/identity` above: their classes are loaded on demand. */
function isRestError(error: unknown): error is RestError {
  return error instanceof Error && error.name === "RestError";
}
