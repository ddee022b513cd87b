import { execFile } from "node:child_process";
import { createRemoteJWKSet, jwtVerify } from "jose";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import type { ClientRun } from "./entra-client-process.ts";
import { apiOf, identityOf, startTestEntra } from "./entra-fixture.ts";

const entra = await startTestEntra();
const { authority, tenantId } = entra;
const api = apiOf(entra);
const keys = createRemoteJWKSet(new URL(`${authority}/${tenantId}/discovery/v2.0/keys`));

async function runClient(
  run: Pick<ClientRun, "client"> & Partial<ClientRun>,
): Promise<{ token?: string; error?: string }> {
  const identity = identityOf(entra, run.client.includes("managed") ? "caller-func" : "caller-app");
  const defaults = {
    ...{ authority, tenantId, clientId: identity.clientId, resource: api.identifierUri },
    clientSecret: entra.clientSecrets["caller-app"],
  };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, "entra-client-process.ts"), JSON.stringify({ ...defaults, ...run })],
    {
      env: {
        PATH: process.env["PATH"],
        NODE_EXTRA_CA_CERTS: entra.certificates.caFile,
        IDENTITY_ENDPOINT: entra.managedIdentityEndpoint,
        IDENTITY_HEADER: entra.identityHeader,
      },
    },
  );
  return JSON.parse(stdout) as { token?: string; error?: string };
}

const managed = ["msal managed identity", "azure identity managed identity"] as const;
const secret = ["msal client secret", "azure identity client secret"] as const;

describe("unmodified clients", () => {
  it.each([...managed, ...secret])("%s: gets a v2.0 token for the API that verifies", async (client) => {
    const { token, error } = await runClient({ client });
    expect(error).toBeUndefined();
    const { payload } = await jwtVerify(token ?? "", keys, {
      issuer: `${authority}/${tenantId}/v2.0`,
      audience: api.clientId,
    });
    const caller = identityOf(entra, client.includes("managed") ? "caller-func" : "caller-app");
    expect(payload).toMatchObject({ azp: caller.clientId, roles: ["Records.Read", "Records.Write"] });
  });

  it.each([...managed, ...secret])("%s: gets a v1.0 token for storage that verifies", async (client) => {
    const { token, error } = await runClient({ client, resource: "https://storage.azure.com" });
    expect(error).toBeUndefined();
    const issuer = `https://sts.windows.net/${tenantId}/`;
    await jwtVerify(token ?? "", keys, { issuer, audience: "https://storage.azure.com" });
  });

  it("azure identity: shows App Service's message when the identity has no role", async () => {
    const { clientId } = identityOf(entra, "no-role");
    const { error } = await runClient({ client: "azure identity managed identity", clientId });
    expect(error).toContain("CredentialUnavailableError");
    expect(error).toContain("AADSTS501051");
  });

  it.each(secret)("%s: shows Entra's message when the secret is wrong, and not the secret", async (client) => {
    const { error } = await runClient({ client, clientSecret: "wrong-secret" });
    expect(error).toContain("AADSTS7000215");
    expect(error).not.toContain("wrong-secret");
  });
});
