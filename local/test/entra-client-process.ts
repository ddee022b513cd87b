/**
 * Runs one unmodified Microsoft client against the local Entra, in a process of its own: its environment and its caches
 * are those of an app. Reads `{ client, ... }` from its argument and prints `{ token }` or `{ error }`.
 */
import { ClientSecretCredential, ManagedIdentityCredential } from "@azure/identity";
import { ConfidentialClientApplication, ManagedIdentityApplication } from "@azure/msal-node";

export interface ClientRun {
  readonly client: keyof typeof clients;
  readonly authority: string;
  readonly tenantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly resource: string;
}

const noRetries = { retryOptions: { maxRetries: 0 } };

const clients = {
  "msal managed identity": async ({ clientId, resource }: ClientRun) => {
    const client = new ManagedIdentityApplication({ managedIdentityIdParams: { userAssignedClientId: clientId } });
    return (await client.acquireToken({ resource })).accessToken;
  },
  "msal client secret": async ({ authority, tenantId, clientId, clientSecret, resource }: ClientRun) => {
    const client = new ConfidentialClientApplication({
      auth: {
        clientId,
        clientSecret,
        authority: `${authority}/${tenantId}`,
        knownAuthorities: [new URL(authority).host],
      },
    });
    return (await client.acquireTokenByClientCredential({ scopes: [`${resource}/.default`] }))?.accessToken;
  },
  "azure identity managed identity": async ({ clientId, resource }: ClientRun) => {
    const credential = new ManagedIdentityCredential({ clientId, ...noRetries });
    return (await credential.getToken(`${resource}/.default`)).token;
  },
  "azure identity client secret": async ({ authority, tenantId, clientId, clientSecret, resource }: ClientRun) => {
    const options = { authorityHost: authority, disableInstanceDiscovery: true, ...noRetries };
    const credential = new ClientSecretCredential(tenantId, clientId, clientSecret, options);
    return (await credential.getToken(`${resource}/.default`)).token;
  },
};

const run = JSON.parse(process.argv[2] ?? "") as ClientRun;
try {
  console.log(JSON.stringify({ token: await clients[run.client](run) }));
} catch (error) {
  console.log(JSON.stringify({ error: String(error) }));
}
