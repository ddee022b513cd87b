/** The adapter to Azure Functions: registers functions, guards them, and makes their responses. */
export { type AuditSink, createGuard, type GuardedHandler, type RequireRole } from "./guard.ts";
export { deliveryTimer, type DeliveryTimerOptions } from "./delivery-timer.ts";
export { problemResponse, withProblems } from "./handler.ts";
export { identifierParam } from "./identifier.ts";
export { MAX_BODY_BYTES, readJsonBody } from "./json-body.ts";
export { loadSoon } from "./load-soon.ts";
export { guardSettings, protectedApp, type ProtectedAppOptions } from "./protected-app.ts";
export { type Api, createApi, type HttpFunction, keyHttp, type OpenHandler, publicHttp } from "./register.ts";
