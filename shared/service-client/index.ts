export {
  createServiceClient,
  type RefusedBy,
  type ServiceClient,
  type ServiceClientOptions,
  type ServiceOutcome,
  type ServiceRequest,
} from "./service-client.ts";
