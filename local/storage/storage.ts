/** Table storage for the apps, and the storage of the real Functions host. */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { type AzuriteProcess, startAzurite } from "./azurite.ts";

export interface StorageOptions {
  /** Keeps the tables from one start to the next. For one running storage at a time. */
  readonly folder: string;
  /** PEM files of a certificate for 127.0.0.1 that the clients trust. */
  readonly certificates: { readonly certFile: string; readonly keyFile: string };
  /** Names of the storage accounts: 3 to 24 lower-case letters and digits. */
  readonly accounts: readonly string[];
  /** 0, the default, takes a free one. */
  readonly port?: number;
  readonly log: (line: string) => void;
}

export interface Storage extends AzuriteProcess {
  readonly port: number;
  /** The table endpoint of an account, without a trailing slash. */
  endpoint(account: string): string;
}

/**
 * Starts Azurite's table service over HTTPS on 127.0.0.1, in a process that never outlives this one, and waits until it
 * listens. It takes Entra ID tokens only: nobody knows the accounts' random keys.
 *
 * Azurite (`--oauth basic`) accepts a bearer token over HTTPS when
 * - `iss` begins with `https://sts.windows.net/` (or the host of a national cloud): a v1.0 token;
 * - `aud` is `https://storage.azure.com` or the account's own `https://{account}.table.core.windows.net` (or that of a
 *   national cloud), each with or without a trailing slash, or `e406a681-f3d4-42a8-90b6-c2b029497af1`;
 * - `iat`, `nbf` and `exp` are there, and the time is between the last two, without any leeway.
 *
 * It does not check the signature or roles. Source: `table/authentication/TableTokenAuthenticator` of Azurite 3.37.
 *
 * @throws Error when the port is taken or Azurite does not start.
 */
export async function startStorage(options: StorageOptions): Promise<Storage> {
  await mkdir(options.folder, { recursive: true });

  const azurite = await startAzurite({
    services: "table",
    args: azuriteArguments(options),
    accounts: accountsWithRandomKeys(options.accounts),
    log: options.log,
  });
  const [port = 0] = azurite.ports;
  return { ...azurite, port, endpoint: (account) => `https://127.0.0.1:${port}/${account}` };
}

function azuriteArguments({ folder, certificates, port = 0 }: StorageOptions): string[] {
  return [
    ...["--tableHost", "127.0.0.1", "--tablePort", String(port), "--location", folder],
    ...["--oauth", "basic", "--cert", certificates.certFile, "--key", certificates.keyFile],
  ];
}

function accountsWithRandomKeys(accounts: readonly string[]): string {
  const unfit = accounts.find((account) => !/^[a-z0-9]{3,24}$/.test(account));
  if (unfit !== undefined || accounts.length === 0) {
    throw new Error(`Storage account name "${unfit ?? ""}": expected 3 to 24 lower-case letters and digits.`);
  }
  return accounts.map((account) => `${account}:${randomBytes(64).toString("base64")}`).join(";");
}

/** The account of the host's own storage. */
const HOST_ACCOUNT = "hoststorage";

export interface HostStorage {
  /** For the setting `AzureWebJobsStorage`. */
  readonly connectionString: string;
  readonly died: AzuriteProcess["died"];
  stop(): Promise<void>;
}

/**
 * Starts the storage of the real Functions host's own state (the timers' schedule and lease): Azurite with blobs, queues and
 * tables over HTTP on 127.0.0.1. The apps do not read it. Its ports are not Azurite's usual 10000 to 10002, which another
 * Azurite may use. The account's key is new at each start.
 *
 * @param folder keeps the data from one start to the next
 * @param ports of the three services; 0 takes a free one
 */
export async function startHostStorage(
  folder: string,
  ports: { readonly blob: number; readonly queue: number; readonly table: number },
  log: (line: string) => void,
): Promise<HostStorage> {
  await mkdir(folder, { recursive: true });
  const key = randomBytes(64).toString("base64");
  const azurite = await startAzurite({
    services: "all",
    args: [
      ...["--location", folder, "--blobHost", "127.0.0.1", "--queueHost", "127.0.0.1", "--tableHost", "127.0.0.1"],
      ...["--blobPort", String(ports.blob), "--queuePort", String(ports.queue)],
      ...["--tablePort", String(ports.table)],
    ],
    accounts: `${HOST_ACCOUNT}:${key}`,
    log,
  });
  const [blob, queue, table] = azurite.ports.map((port) => `http://127.0.0.1:${port}/${HOST_ACCOUNT}`);
  const connectionString =
    `DefaultEndpointsProtocol=http;AccountName=${HOST_ACCOUNT};AccountKey=${key};BlobEndpoint=${blob};` +
    `QueueEndpoint=${queue};TableEndpoint=${table};`;
  return { connectionString, died: azurite.died, stop: () => azurite.stop() };
}
