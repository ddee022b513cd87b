import type { TokenCredential } from "@azure/identity";

/**
 * `@azure/identity` waits 1, 2 and 4 s and more between its tries; these pass a hiccup, and longer outages are the
 * caller's to wait for. App Service's managed identity endpoint answers 500 also where Entra refuses for good, so every
 * try more makes a misconfiguration slower to show.
 */
export const retryOptions = { maxRetries: 2, retryDelayInMs: 400, maxRetryDelayInMs: 1_000 };

/**
 * The request goes to the platform beside the app, with a secret header: never to a proxy, also where the app's settings name
 * one (`HTTPS_PROXY`, which the SDK takes for every request).
 *
 * @param clientId of a user-assigned identity; without it, the system-assigned one of the app
 */
export async function managedIdentity(clientId: string | undefined): Promise<TokenCredential> {
  const { ManagedIdentityCredential, directHttpClient } = await import("../on-demand/managed-identity.ts");
  return new ManagedIdentityCredential({
    ...(clientId !== undefined && { clientId }),
    retryOptions,
    httpClient: directHttpClient,
  });
}
