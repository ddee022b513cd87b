import type { HttpHandler, HttpRequest, HttpResponseInit, InvocationContext } from "@azure/functions";
import { withProblems } from "../http/handler.ts";
import { problemResponse } from "../http/problem.ts";
import type { Authorization, Authorize } from "./authorizer.ts";
import type { Caller } from "./decide.ts";
import { refusalProblem } from "./refusals.ts";

/** A handler behind the guard: it gets the caller, never the token. */
export type GuardedHandler = (
  request: HttpRequest,
  caller: Caller,
  context: InvocationContext,
) => Promise<HttpResponseInit>;

/** States the app role that an operation needs, and lets only callers with it reach the handler. */
export type RequireRole<Role extends string> = (role: Role, handler: GuardedHandler) => HttpHandler;

/**
 * Makes the guard of a service's functions. The functions are `anonymous` to the host: the token decides.
 * `x-ms-client-principal*` headers are never looked at: without App Service Authentication in front anyone can forge them.
 */
export function createGuard<Role extends string>(authorize: Authorize): RequireRole<Role> {
  return (role, handler) =>
    withProblems(async (request, context) => {
      const outcome = await authorize(request.headers.get("authorization"), request.query, role);
      audit(outcome, role, context);
      if (outcome.allowed) return handler(request, outcome.caller, context);
      return problemResponse(refusalProblem(outcome.code, outcome.retryAfterSeconds));
    });
}

/** One structured line for every decision: who, what, by which rule; no token, and no claim but the caller's ids. */
function audit(outcome: Authorization, role: string, context: InvocationContext): void {
  const event = {
    event: "authorization",
    allowed: outcome.allowed,
    ...(outcome.allowed ? {} : { code: outcome.code }),
    operation: context.functionName,
    requiredRole: role,
    ...(outcome.caller && {
      callerAppId: outcome.caller.appId,
      callerObjectId: outcome.caller.objectId,
      tokenId: outcome.caller.tokenId,
    }),
    traceParent: context.traceContext?.traceParent,
  };
  if (outcome.allowed) context.log(JSON.stringify(event));
  else context.warn(JSON.stringify(event));
}
