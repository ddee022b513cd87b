/** The decision whether a call is allowed: framework-free; `functions/` has the guard for Azure Functions. */
export { type AuditEvent, auditEvent } from "./audit-event.ts";
export { type Authorization, type Authorize, type AuthorizerOptions, createAuthorizer } from "./authorizer.ts";
export type { Call } from "./call.ts";
export type { Caller } from "./claims.ts";
export type { CustomRule, VerifiedClaims } from "./custom-rule.ts";
export { type ClientAuthentication, clientAuthentications, type RoleRequirement } from "./decide.ts";
export { type RefusalCode, refusalCodes, refusalProblem } from "./refusals.ts";
