import { createDefaultHttpClient, type HttpClient } from "@azure/core-rest-pipeline";

export { ManagedIdentityCredential } from "@azure/identity";

const http = createDefaultHttpClient();

/** Sends past any proxy: the SDK chooses one by setting the request's agent. */
export const directHttpClient: HttpClient = {
  sendRequest(request) {
    delete request.agent;
    return http.sendRequest(request);
  },
};
