// The credential of a managed identity.
import type { TokenCredential } from "@azure/identity";

/**
 * Fewer and shorter than the 1, 2 and 4 s and more of `@azure/identity`: enough for a short failure. App Service's managed
 * identity endpoint responds 500 also if Entra refuses for good, so each retry delays the report of a misconfiguration.
 */
export const retryOptions = { maxRetries: 2, retryDelayInMs: 400, maxRetryDelayInMs: 1_000 };

/**
 * The credential of a managed identity. Its request, with a secret header, goes to the platform's local endpoint and never to a
 * proxy, even if the app's settings name one (`HTTPS_PROXY`, which the SDK would use).
 *
 * @param clientId of a user-assigned identity; undefined for the system-assigned one
 */
export async function managedIdentity(clientId: string | undefined): Promise<TokenCredential> {
  const { ManagedIdentityCredential, directHttpClient } = await import("../on-demand/managed-identity.ts");
  return new ManagedIdentityCredential({
    ...(clientId !== undefined && { clientId }),
    retryOptions,
    httpClient: directHttpClient,
  });
}
