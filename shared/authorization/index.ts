export type { AuditEvent } from "./audit-event.ts";
export {
  type Authorization,
  type Authorize,
  type AuthorizerOptions,
  type Call,
  createAuthorizer,
} from "./authorizer.ts";
export type { Caller } from "./claims.ts";
export type { CustomRule, VerifiedClaims } from "./custom-rule.ts";
export { type ClientAuthentication, clientAuthentications, type RoleRequirement } from "./decide.ts";
export { type AuditSink, createGuard, type GuardedHandler, type RequireRole } from "./guard.ts";
export type { RefusalCode } from "./refusals.ts";
