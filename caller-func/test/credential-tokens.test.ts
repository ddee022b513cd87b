import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { chooseCredential } from "@restricted-calls/shared/identity";
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from "vitest";
import { makeClientCertificate, startTestStorage, type TestStorage } from "../../local/index.ts";

const certificate = await makeClientCertificate("caller-app");
let system: TestStorage;

beforeAll(async () => {
  system = await startTestStorage({ clientCertificates: { "caller-app": certificate.certificate } });
});
afterAll(() => system.stop());

const clientId = (name: string): string =>
  system.entra.directory.identities.find((identity) => identity.name === name)?.clientId ?? "";

/** What an app registration at the local Entra needs, whatever proves who it is. */
const appRegistration = (): NodeJS.ProcessEnv => ({
  AZURE_TENANT_ID: system.entra.tenantId,
  AZURE_AUTHORITY_HOST: system.entra.authority,
  AZURE_DISABLE_INSTANCE_DISCOVERY: "true",
  CALLER_APP_CLIENT_ID: clientId("caller-app"),
});

const kinds: Record<string, () => NodeJS.ProcessEnv> = {
  "managed-identity": () => ({ AZURE_CLIENT_ID: clientId("caller-func") }),
  "client-secret": () => ({ CALLER_APP_CLIENT_SECRET: system.entra.clientSecrets["caller-app"] }),
  "client-certificate": () => ({ CALLER_APP_CERTIFICATE: certificate.key + certificate.certificate }),
  "federated-identity": () => ({ AZURE_CLIENT_ID: clientId("caller-func") }),
};

/** The claims of a token for the callee, by the credential that the settings choose. */
async function claimsOf(kind: string, changes: NodeJS.ProcessEnv = {}): Promise<unknown> {
  const settings = { CALLER_CREDENTIAL: kind, ...appRegistration(), ...kinds[kind]?.(), ...changes };
  const credential = await chooseCredential("caller-func", settings).create();
  const answer = await credential.getToken(`${system.entra.directory.apis[0]?.identifierUri ?? ""}/.default`);
  return JSON.parse(Buffer.from(answer?.token.split(".")[1] ?? "", "base64url").toString());
}

describe("credentials get tokens of the authority that the settings name", () => {
  test.each([
    ["managed-identity", "caller-func", "2"],
    ["client-secret", "caller-app", "1"],
    ["client-certificate", "caller-app", "2"],
    ["federated-identity", "caller-app", "2"],
  ])("%s", async (kind, identity, azpacr) => {
    const { tenantId, authority } = system.entra;
    expect(await claimsOf(kind)).toMatchObject({
      ...{ azp: clientId(identity), azpacr, tid: tenantId, iss: `${authority}/${tenantId}/v2.0` },
    });
  });
});

test("Microsoft's public cloud is asked about the authority, unless a setting says no", async () => {
  const asked: string[] = [];
  const proxy = createServer().on("connect", ({ url }, socket) => {
    asked.push(url ?? "");
    socket.end("HTTP/1.1 403 Forbidden\r\n\r\n");
  });
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void proxy.close());
  vi.stubEnv("HTTPS_PROXY", `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`);
  onTestFinished(() => void vi.unstubAllEnvs());
  // Whether there is a token then depends on NO_PROXY, which may exempt the local Entra.
  const settled = (changes: NodeJS.ProcessEnv): Promise<unknown> =>
    claimsOf("client-secret", changes).catch(() => undefined);
  await settled({});
  expect(asked).not.toContain("login.microsoftonline.com:443");
  await settled({ AZURE_DISABLE_INSTANCE_DISCOVERY: "" });
  expect(asked).toContain("login.microsoftonline.com:443");
});
