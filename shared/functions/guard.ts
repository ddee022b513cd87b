// The guard: only callers with the required app roles reach a handler.
import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import * as v from "valibot";
import type { AuditEvent } from "../authorization/audit-event.ts";
import type { Authorize } from "../authorization/authorizer.ts";
import type { Caller } from "../authorization/claims.ts";
import type { RoleRequirement } from "../authorization/decide.ts";
import { refusalProblem } from "../authorization/refusals.ts";
import { callback, checkOptions } from "../options.ts";
import { problemResponse, withProblems } from "./handler.ts";
import { onlyReports, reportOnlyDate, unknownCaller } from "./report-only.ts";

/** A guarded handler: it gets the caller, never the token. */
export type GuardedHandler = (
  request: HttpRequest,
  caller: Caller,
  context: InvocationContext,
) => Promise<HttpResponseInit>;

/** Wraps a handler so that only callers with the required app roles reach it. */
export type RequireRole<Role extends string> = (
  requirement: RoleRequirement<Role>,
  handler: GuardedHandler,
) => HttpHandler;

/**
 * Records a decision, in a form and place of its choice. It is called once for each decision and not awaited. If it throws
 * or rejects, the decision stays, and the event and the error go to the invocation's log.
 */
export type AuditSink = (event: AuditEvent, context: InvocationContext) => unknown;

const role = v.pipe(v.string(), v.nonEmpty());
const roles = v.pipe(v.array(role), v.minLength(1));

const operationSchemas = {
  requirement: v.pipe(
    v.union([
      role,
      v.strictObject({ anyOf: roles }),
      v.strictObject({ allOf: roles }),
      v.strictObject({ assignmentOnly: v.literal(true) }),
    ]),
    v.description("an app role, { anyOf: [roles] }, { allOf: [roles] } or { assignmentOnly: true }"),
  ),
  handler: callback(),
};

/**
 * Makes the guard of a service's functions. The functions are `anonymous` to the host: the token decides.
 *
 * Does not check the `x-ms-client-principal*` headers, which anyone can forge without App Service Authentication; nor the
 * function's `authLevel`, which `createApi` sets; nor the request's body and route parameters, which are the handler's to check.
 *
 * @param audit by default one line of JSON in the invocation's log
 * @param reportOnlyUntil a date, at most 90 days ahead: before its first moment in UTC, a call that would be refused reaches the
 *   handler, and its audit event has `wouldRefuse`. Without a valid token, a handler that looks at the caller ends the call with
 *   the refusal. By default, the guard refuses
 * @throws TypeError where an argument is wrong; the guard that it returns throws it at registration, for role and handler
 *
 * @example
 * ```ts
 * import type { Authorize } from "@restricted-calls/shared/authorization";
 * import { createApi, createGuard } from "@restricted-calls/shared/functions";
 *
 * declare const authorize: Authorize; // of createAuthorizer
 *
 * const api = createApi(createGuard<"Reports.Read">(authorize));
 * api.http("getReport", "Reports.Read", {
 *   methods: ["GET"],
 *   route: "reports/{id}",
 *   handler: (request, caller) => Promise.resolve({ jsonBody: { id: request.params["id"], readBy: caller.appId } }),
 * });
 * ```
 */
export function createGuard<Role extends string>(
  authorize: Authorize,
  audit: AuditSink = logged,
  reportOnlyUntil?: string,
): RequireRole<Role> {
  checkOptions(
    "createGuard",
    { authorize: callback(), audit: callback(), reportOnlyUntil: reportOnlyDate },
    { authorize, audit, reportOnlyUntil },
  );
  return (requirement, handler) => {
    checkOptions("a guarded function", operationSchemas, { requirement, handler });
    return withProblems(async (request, context) => {
      const call = {
        authorization: request.headers.get("authorization"),
        query: request.query,
        operation: context.functionName,
        traceParent: context.traceContext?.traceParent,
      };
      const outcome = await authorize(call, requirement);
      // A denied caller is refused at once: it is denied because of what it does now.
      const wouldRefuse = !outcome.allowed && outcome.code !== "caller-denied" && onlyReports(reportOnlyUntil);
      void record(audit, wouldRefuse ? { ...outcome.event, allowed: true, wouldRefuse } : outcome.event, context);
      if (outcome.failure !== undefined) context.error(outcome.failure);
      if (outcome.allowed) return handler(request, outcome.caller, context);
      const refusal = refusalProblem(outcome.code, outcome.retryAfterSeconds);
      return wouldRefuse
        ? handler(request, outcome.caller ?? unknownCaller(refusal), context)
        : problemResponse(refusal);
    });
  };
}

/** Never rejects: an unhandled rejection ends the Functions worker. */
async function record(audit: AuditSink, event: AuditEvent, context: InvocationContext): Promise<void> {
  try {
    await audit(event, context);
  } catch (error) {
    context.error("The audit sink failed; its event follows.", error);
    logged(event, context);
  }
}

function logged(event: AuditEvent, context: InvocationContext): void {
  if (event.allowed && event.wouldRefuse !== true) context.log(JSON.stringify(event));
  else context.warn(JSON.stringify(event));
}
