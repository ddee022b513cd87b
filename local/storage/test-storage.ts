/** Table storage for tests, and the tables of a running local system. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { TableClient } from "@azure/data-tables";
import { ManagedIdentityCredential, type TokenCredential } from "@azure/identity";
import type { ServiceName } from "@restricted-calls/shared/access-policy";
import { tableEndpointSetting } from "../../tools/access-policy.ts";
import { temporaryFolder } from "../../tools/write-file.ts";
import { ensureCertificates } from "../certificates/certificates.ts";
import { type LocalEntra, type LocalEntraOptions, startLocalEntra } from "../entra/local-entra.ts";
import { managedIdentityToken } from "../entra/client.ts";
import { readLocalSettings } from "../host/local-settings.ts";
import type { Endpoints } from "../system/endpoints.ts";
import { startStorage } from "./storage.ts";

/** Real table storage for a test file, and a real managed identity with access to it. */
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
  await using starting = new AsyncDisposableStack();
  const { folder, remove } = temporaryFolder("restricted-calls-test-");
  starting.defer(remove);
  const certificates = await ensureCertificates(join(folder, "certificates"));
  await trust(certificates.caFile);
  const entra = starting.adopt(await startLocalEntra({ certificates, ...options }), (started) => started.stop());
  const storage = starting.adopt(
    await startStorage({ folder, certificates, accounts: ["testdata"], log: () => undefined }),
    (started) => started.stop(),
  );
  process.env["IDENTITY_ENDPOINT"] = entra.managedIdentityEndpoint;
  process.env["IDENTITY_HEADER"] = entra.identityHeader;
  const [identity] = entra.directory.identities;
  const running = starting.move();
  return {
    endpoint: storage.endpoint("testdata"),
    credential: new ManagedIdentityCredential({ clientId: identity?.clientId ?? "" }),
    entra,
    stop: () => running.disposeAsync(),
  };
}

/** A table of a local system's app, accessed with the app's identity. Changes the trusted certificates of this process. */
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

/** Adds a certification authority to those that this process trusts. */
export async function trust(caFile: string): Promise<void> {
  setDefaultCACertificates([...getCACertificates(), await readFile(caFile, "utf8")]);
}
