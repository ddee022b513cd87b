import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { TableClient } from "@azure/data-tables";
import { ManagedIdentityCredential, type TokenCredential } from "@azure/identity";
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { tableEndpointSetting } from "../../tools/access-policy.ts";
import { ensureCertificates } from "../certificates/local-certificates.ts";
import { type LocalEntra, type LocalEntraOptions, startLocalEntra } from "../entra/local-entra.ts";
import { managedIdentityToken } from "../entra/client.ts";
import { readLocalSettings } from "../host/local-settings.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { startStorage } from "./storage.ts";

/** Real table storage for a test file, and a real managed identity to reach it with. */
export interface TestStorage {
  readonly endpoint: string;
  readonly credential: TokenCredential;
  readonly entra: LocalEntra;
  stop(): Promise<void>;
}

/** Changes the environment and the trusted certificates of this process: one at a time. */
export async function startTestStorage(
  options: Pick<LocalEntraOptions, "clientCertificates"> = {},
): Promise<TestStorage> {
  const folder = await mkdtemp(join(tmpdir(), "restricted-calls-test-"));
  const certificates = await ensureCertificates(join(folder, "certificates"));
  await trust(certificates.caFile);
  const entra = await startLocalEntra({ certificates, ...options });
  const storage = await startStorage({ folder, certificates, accounts: ["testdata"], log: () => undefined });
  process.env["IDENTITY_ENDPOINT"] = entra.managedIdentityEndpoint;
  process.env["IDENTITY_HEADER"] = entra.identityHeader;
  const [identity] = entra.directory.identities;
  return {
    endpoint: storage.endpoint("testdata"),
    credential: new ManagedIdentityCredential({ clientId: identity?.clientId ?? "" }),
    entra,
    stop: async () => {
      await Promise.all([storage.stop(), entra.stop()]);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A table of an app of a local system, past the app: reached as the app's identity. Changes what this process trusts. */
export async function tableOf(
  system: { readonly endpoints: Endpoints; readonly folder: string },
  app: ServiceName,
  name: string,
): Promise<TableClient> {
  await trust(system.endpoints.entra.caFile);
  const token = await managedIdentityToken(system.endpoints, app, "https://storage.azure.com");
  const getToken = () => Promise.resolve({ token, expiresOnTimestamp: Date.now() + 3600_000 });

  const settings = readLocalSettings(join(system.folder, `${app}.settings.json`)).Values;
  const table = new TableClient(settings[tableEndpointSetting(app)] ?? "", name, { getToken });
  await table.createTable();
  return table;
}

/** Has this process trust a certification authority, in addition to those it trusts already. */
export async function trust(caFile: string): Promise<void> {
  setDefaultCACertificates([...getCACertificates(), await readFile(caFile, "utf8")]);
}
