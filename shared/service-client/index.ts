export { chooseCredential, type CredentialChoice } from "./credential.ts";
export { problemCode } from "./problem-code.ts";
export { DEADLINE_MS } from "./resilience.ts";
export {
  createServiceClient,
  type RefusedBy,
  type ServiceClient,
  type ServiceClientOptions,
  type ServiceOutcome,
  type ServiceRequest,
} from "./service-client.ts";
export { createTokenSource, type TokenSource } from "../token-source.ts";
