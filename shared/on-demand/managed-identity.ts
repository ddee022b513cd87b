// The managed identity's credential, loaded on demand.
import { createDefaultHttpClient, type HttpClient } from "@azure/core-rest-pipeline";

export { ManagedIdentityCredential } from "@azure/identity";

const http = createDefaultHttpClient();

/** Bypasses any proxy: the SDK sets the request's agent to use one. */
export const directHttpClient: HttpClient = {
  sendRequest(request) {
    delete request.agent;
    return http.sendRequest(request);
  },
};
