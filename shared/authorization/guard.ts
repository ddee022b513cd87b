import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import { withProblems } from "../http/handler.ts";
import { problemResponse } from "../http/problem.ts";
import type { AuditEvent } from "./audit-event.ts";
import type { Authorize } from "./authorizer.ts";
import type { Caller } from "./claims.ts";
import type { RoleRequirement } from "./decide.ts";
import { refusalProblem } from "./refusals.ts";

/** A handler behind the guard: it gets the caller, never the token. */
export type GuardedHandler = (
  request: HttpRequest,
  caller: Caller,
  context: InvocationContext,
) => Promise<HttpResponseInit>;

/** States the app roles that an operation needs, and lets only callers with them reach the handler. */
export type RequireRole<Role extends string> = (
  requirement: RoleRequirement<Role>,
  handler: GuardedHandler,
) => HttpHandler;

/**
 * Records a decision. Serialising is its business, and so is where it goes. It is called once for each decision and not
 * waited for. One that throws or rejects changes no decision: its event, and why, go to the invocation's log.
 */
export type AuditSink = (event: AuditEvent, context: InvocationContext) => unknown;

/**
 * Makes the guard of a service's functions. The functions are `anonymous` to the host: the token decides.
 * `x-ms-client-principal*` headers are never looked at: without App Service Authentication in front anyone can forge them.
 *
 * @param audit by default one line of JSON in the invocation's log
 */
export function createGuard<Role extends string>(authorize: Authorize, audit: AuditSink = logged): RequireRole<Role> {
  return (requirement, handler) =>
    withProblems(async (request, context) => {
      const call = {
        authorization: request.headers.get("authorization"),
        query: request.query,
        operation: context.functionName,
        traceParent: context.traceContext?.traceParent,
      };
      const outcome = await authorize(call, requirement);
      void record(audit, outcome.event, context);
      if (outcome.allowed) return handler(request, outcome.caller, context);
      return problemResponse(refusalProblem(outcome.code, outcome.retryAfterSeconds));
    });
}

/** Never rejects: a rejection that nobody handles ends the Functions worker. */
async function record(audit: AuditSink, event: AuditEvent, context: InvocationContext): Promise<void> {
  try {
    await audit(event, context);
  } catch (error) {
    context.error("The audit sink failed; its event follows.", error);
    logged(event, context);
  }
}

function logged(event: AuditEvent, context: InvocationContext): void {
  if (event.allowed) context.log(JSON.stringify(event));
  else context.warn(JSON.stringify(event));
}
