// Turns what a handler throws into a problem document (RFC 9457).
import { STATUS_CODES } from "node:http";
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import { isStorageFailure } from "../storage/table.ts";
import { type Problem, ProblemError } from "../problem.ts";

/** The `Retry-After` of a storage failure, in seconds: longer than the storage client's own retries. */
const STORAGE_RETRY_AFTER_SECONDS = 5;

/**
 * Wraps a handler so that everything it throws becomes a problem document: the host itself would respond 500 with an empty
 * body. An unexpected error is logged with its stack; the response has none of it.
 */
export function withProblems(
  handler: (request: HttpRequest, context: InvocationContext) => Promise<HttpResponseInit>,
): HttpHandler {
  return async (request, context) => {
    try {
      return await handler(request, context);
    } catch (error) {
      if (error instanceof ProblemError) return problemResponse(error.problem);
      context.error(error);
      return problemResponse(isStorageFailure(error) ? storageUnavailable : internalError);
    }
  };
}

/** An `application/problem+json` response (RFC 9457; without a `type` the title is the status phrase, section 4.2.1). */
export function problemResponse({ status, code, detail, headers, extensions }: Problem): HttpResponseInit {
  return {
    status,
    headers: { ...headers, "Content-Type": "application/problem+json", "Cache-Control": "no-store" },
    body: JSON.stringify({ ...extensions, title: STATUS_CODES[status], status, detail, code }),
  };
}

const storageUnavailable: Problem = {
  status: 503,
  code: "storage-unavailable",
  detail: "The service's table storage did not respond. The request may or may not have taken effect; try again.",
  headers: { "Retry-After": String(STORAGE_RETRY_AFTER_SECONDS) },
};

const internalError: Problem = {
  status: 500,
  code: "internal-error",
  detail: "The request could not be handled. The service's log says why, under this call's trace id.",
};
