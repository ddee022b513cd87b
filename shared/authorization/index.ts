export { type Authorization, type Authorize, type AuthorizerOptions, createAuthorizer } from "./authorizer.ts";
export type { Caller } from "./decide.ts";
export { createGuard, type GuardedHandler, type RequireRole } from "./guard.ts";
export type { RefusalCode } from "./refusals.ts";
