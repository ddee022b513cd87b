/** Calls to another service with an access token. */
export type { RefusedBy, ServiceOutcome } from "./outcome.ts";
export { problemCode } from "./problem-code.ts";
export { protectedService, type ProtectedServiceOptions, serviceSettings } from "./protected-service.ts";
export { defaultLimits, type ServiceLimits } from "./limits.ts";
export { readRetryAfter } from "./retry-after.ts";
export {
  createServiceClient,
  type ServiceClient,
  type ServiceClientOptions,
  type ServiceRequest,
  TOKEN_TIMEOUT_MS,
} from "./service-client.ts";
